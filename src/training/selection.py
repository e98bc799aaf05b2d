"""Which epoch counts: picked on held-out training rows, on the dev set as most papers do, or simply the last."""

import math
from typing import Any, Literal

import torch

from src.data.load import HOLDOUT
from src.metrics.names import greater_is_better
from src.training.evaluation import Evaluation

Selection = Literal["holdout", "best", "last"]


class Selector:
    """Follows a run's evaluations and keeps the last, the best on the dev set, and the selected one.

    Args:
        selection: ``holdout`` picks by the primary metric on the held-out rows, ``best`` by that on the first
            evaluation split, ``last`` takes the newest. Of equals the earlier one stays; a NaN is never picked over
            a number.
        metric: name of the primary metric.
        split: the first evaluation split.
    """

    def __init__(self, selection: Selection, metric: str, split: str) -> None:
        self.selection, self.metric, self.split = selection, metric, split
        self.last: Evaluation | None = None
        self.best: Evaluation | None = None
        self.selected: Evaluation | None = None

    def add(self, evaluation: Evaluation) -> bool:
        """Take the next evaluation in; True if it is the selected one now."""
        self.last = evaluation
        if self.best is None or self._score(evaluation, self.split) > self._score(self.best, self.split):
            self.best = evaluation
        picks = HOLDOUT if self.selection == "holdout" else self.split
        new = (
            self.selected is None
            or self.selection == "last"
            or self._score(evaluation, picks) > self._score(self.selected, picks)
        )
        if new:
            self.selected = evaluation
        return new

    def state_dict(self) -> dict[str, Any]:
        """All that ``load_state_dict`` needs, in plain values and tensors."""
        kept = [self.last, self.best, self.selected]
        different = [e for i, e in enumerate(kept) if e is not None and not any(e is other for other in kept[:i])]
        return {
            "evaluations": [
                {
                    "epoch": e.epoch,
                    "step": e.step,
                    "metrics": e.metrics,
                    "logits": {split: torch.from_numpy(array) for split, array in e.logits.items()},
                    "labels": {split: torch.from_numpy(array) for split, array in e.labels.items()},
                }
                for e in different
            ],
            "kept": [None if e is None else next(i for i, other in enumerate(different) if other is e) for e in kept],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` gave."""
        evaluations = [
            Evaluation(
                epoch=e["epoch"],
                step=e["step"],
                metrics=e["metrics"],
                logits={split: tensor.numpy() for split, tensor in e["logits"].items()},
                labels={split: tensor.numpy() for split, tensor in e["labels"].items()},
            )
            for e in state["evaluations"]
        ]
        self.last, self.best, self.selected = (None if i is None else evaluations[i] for i in state["kept"])

    def _score(self, evaluation: Evaluation, split: str) -> float:
        value = evaluation.metrics[split][self.metric]
        return -math.inf if math.isnan(value) else value if greater_is_better(self.metric) else -value
