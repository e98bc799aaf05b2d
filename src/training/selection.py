"""Which epoch counts: picked on held-out training rows, on the dev set as most papers do, or simply the last."""

import math
from typing import Literal

from src.metrics.names import LOWER_IS_BETTER
from src.training.trainer import Evaluation

Selection = Literal["holdout", "best", "last"]
HOLDOUT = "holdout"


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

    def _score(self, evaluation: Evaluation, split: str) -> float:
        value = evaluation.metrics[split][self.metric]
        return -math.inf if math.isnan(value) else -value if self.metric in LOWER_IS_BETTER else value
