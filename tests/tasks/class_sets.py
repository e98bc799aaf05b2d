"""A kind of task of one's own, as a file of ``src/tasks`` would have it: what it needs is here, and nowhere else."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch.nn.functional as F
from datasets import List, Value
from torch import Tensor

from src.metrics.metric import Reads
from src.tasks.prediction import Prediction
from src.tasks.sequence import SequenceKind
from src.tasks.signatures import Array, Place
from src.utils.errors import UserError


class ClassSets(SequenceKind):
    """Any number of C classes a text: binary cross entropy of C logits, of which those above 0 are the answer.

    A set of classes is the number whose bits they are, so that accuracy is that of whole sets.
    """

    name: ClassVar[str] = "class_sets"
    title: ClassVar[str] = "a classification by sets"
    has_classes: ClassVar[bool] = True
    picks_one: ClassVar[bool] = False
    smooths_labels: ClassVar[bool] = False
    kept_as: ClassVar[type[np.generic]] = np.int64

    def check_names(self, names: Sequence[str]) -> None:
        if not names or len(set(names)) < len(names):
            raise UserError(f"data.label_names={list(names)}: expected different names")

    def read_labels(
        self,
        values: Sequence[Any],
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> tuple[Any, pa.Array]:
        rows = [[float(name in value) for name in label_encoding] for value in values]
        return List(Value("float32")), pa.array(rows, pa.list_(pa.float32()))

    def names_in(self, feature: Any) -> tuple[str, ...] | None:
        return None

    def strata(self, labels: Sequence[Any]) -> Array | None:
        return self.labelled(np.asarray(labels))

    def outputs(self, names: Sequence[str]) -> int:
        return len(names)

    def configure(self, config: Any, names: Sequence[str]) -> None:
        config.problem_type = "multi_label_classification"
        config.id2label = dict(enumerate(names))
        config.label2id = {name: i for i, name in enumerate(names)}

    def names_of(self, config: Any) -> tuple[str, ...] | None:
        return tuple(config.id2label.values()) if config.problem_type == "multi_label_classification" else None

    def loss(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, labels.float(), reduction=reduction)

    def predictions(self, logits: Array) -> Array:
        return self.labelled(logits > 0)

    def answers(self, logits: Tensor, names: Sequence[str], texts: Sequence[str] = ()) -> list[Prediction]:
        shares = logits.sigmoid().tolist()
        return [
            Prediction(
                " ".join(n for n, p in zip(names, row, strict=True) if p > 0.5), dict(zip(names, row, strict=True))
            )
            for row in shares
        ]

    def written(self, logits: Tensor, label_encoding: Sequence[str], low: float, high: float) -> list[str]:
        return [answer.label for answer in self.answers(logits, label_encoding)]  # type: ignore[misc]

    def flips(self, before: Array, after: Array) -> int:
        return int((self.predictions(before) != self.predictions(after)).sum())

    def reads(self, names: Sequence[str] | None) -> frozenset[Reads]:
        return frozenset({Reads.CLASSES})

    def read(self, what: Reads, logits: Array) -> Array:
        return self.predictions(logits)

    def labelled(self, labels: Array) -> Array:
        return (labels.astype(np.int64) << np.arange(labels.shape[-1])).sum(-1)
