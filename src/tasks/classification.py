"""Classification: one of several classes a text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from src.metrics.metric import Reads
from src.tasks.class_names import write_names, written_names
from src.tasks.prediction import Prediction
from src.tasks.sequence import SequenceKind
from src.tasks.signatures import Array, Cell, Place, Raw
from src.utils.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets.features.features import FeatureType
    from torch import Tensor
    from transformers import PretrainedConfig


class Classification(SequenceKind):
    """C >= 2 classes: cross entropy over C logits, the largest of which is the answer."""

    name: ClassVar[str] = "classification"
    title: ClassVar[str] = "a classification"
    has_classes: ClassVar[bool] = True
    picks_one: ClassVar[bool] = True
    smooths_labels: ClassVar[bool] = True
    windows_texts: ClassVar[bool] = True
    kept_as: ClassVar[type[np.generic]] = np.int64

    def check_names(self, names: Sequence[str]) -> None:
        if len(names) < 2 or len(set(names)) != len(names):
            raise UserError(
                f"data.label_names={list(names)}: expected two or more different names, or [] for regression"
            )

    def read_labels(
        self,
        values: Raw,
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> "tuple[FeatureType, pa.Array]":
        import pyarrow as pa
        from datasets import ClassLabel

        return ClassLabel(names=list(names)), pa.array(class_numbers(values, label_encoding, column, place), pa.int64())

    def names_in(self, feature: "FeatureType") -> tuple[str, ...] | None:
        from datasets import ClassLabel

        return tuple(map(str, feature.names)) if isinstance(feature, ClassLabel) else None

    def strata(self, labels: Sequence[Cell]) -> Array | None:
        return np.asarray(labels)

    def outputs(self, names: Sequence[str]) -> int:
        return len(names)

    def configure(self, config: "PretrainedConfig", names: Sequence[str]) -> None:
        config.problem_type = "single_label_classification"
        write_names(config, names)

    def names_of(self, config: "PretrainedConfig") -> tuple[str, ...] | None:
        if config.num_labels == 1 and config.problem_type in (None, "regression"):
            return None
        return written_names(config)

    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        import torch.nn.functional as F

        return F.cross_entropy(logits.view(-1, logits.shape[-1]), labels.view(-1).long(), reduction=reduction)

    def predictions(self, logits: Array) -> Array:
        return logits.reshape(len(logits), -1).argmax(-1)

    def answers(self, logits: "Tensor", names: Sequence[str], texts: Sequence[str] = ()) -> list[Prediction]:
        return [
            Prediction(names[max(range(len(names)), key=row.__getitem__)], dict(zip(names, row, strict=True)))
            for row in logits.softmax(-1).tolist()
        ]

    def written(self, logits: "Tensor", label_encoding: Sequence[str], low: float, high: float) -> list[str]:
        return [label_encoding[number] for number in logits.argmax(-1).tolist()]

    def flips(self, before: Array, after: Array) -> int:
        return int((self.predictions(before) != self.predictions(after)).sum())

    def reads(self, names: Sequence[str] | None) -> frozenset[Reads]:
        found = {Reads.CLASSES, Reads.SCORES}
        return frozenset(found | {Reads.POSITIVE_CLASS} if names is None or len(names) == 2 else found)

    def read(self, what: Reads, logits: Array) -> Array:
        if what is not Reads.SCORES:
            return self.predictions(logits)
        shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
        return shifted / shifted.sum(axis=-1, keepdims=True)

    def labelled(self, labels: Array) -> Array:
        return labels.astype(np.int64)


def class_numbers(values: Raw, label_encoding: Sequence[str | int], column: str, place: Place) -> list[int]:
    """Return the position of each value in ``label_encoding``."""
    numbers: dict[object, int] = {name: number for number, name in enumerate(label_encoding)}
    try:
        return [numbers[value] for value in values]
    except (KeyError, TypeError):  # a list cannot be looked up
        row = next(row for row, value in enumerate(values) if isinstance(value, list | dict) or value not in numbers)
        choices = ", ".join(repr(str(name)) for name in label_encoding) or "(none)"
        raise UserError(f"{place(row)}: label {values[row]!r} is none of {choices} (column {column!r})") from None
