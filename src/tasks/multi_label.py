"""Multi-label classification: any number of several classes a text."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from src.metrics.decomposition import f1
from src.metrics.label_sets import counts_by_class, mean_f1, set_counts
from src.metrics.metric import Reads
from src.tasks.class_names import names_in_list, write_names, written_names
from src.tasks.prediction import Prediction
from src.tasks.sequence import SequenceKind
from src.tasks.signatures import Array, Cell, Place, Raw
from src.utils.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets.features.features import FeatureType
    from torch import Tensor
    from transformers import PretrainedConfig

SEPARATORS = "|;,"  # of the classes of a text in one cell of a table; the first that a column has
HALF = 0.5  # the threshold where none is picked
YES, NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no", "")


class MultiLabel(SequenceKind):
    """Any number of C classes a text: binary cross entropy of C logits; those more likely than not are answered.

    A row of labels and of predictions has 1 for each class that the text has, else 0.
    """

    name: ClassVar[str] = "multi_label"
    title: ClassVar[str] = "a multi-label classification"
    has_classes: ClassVar[bool] = True
    picks_one: ClassVar[bool] = False
    smooths_labels: ClassVar[bool] = False
    several_labels: ClassVar[bool] = True
    windows_texts: ClassVar[bool] = True
    kept_as: ClassVar[type[np.generic]] = np.int64

    def check_names(self, names: Sequence[str]) -> None:
        if not names or len(set(names)) != len(names):
            raise UserError(f"data.label_names={list(names)}: expected different names, one at least")

    def find_names(self, values: Raw, names: Raw | None, column: str, place: Place) -> tuple[str, ...]:
        if names is not None:
            return tuple(map(str, names))
        return tuple(sorted({str(name) for own in _sets(values, column, place) for name in own}))

    def column_of(self, values: Mapping[str, Raw], label: str, names: Raw | None) -> Raw | None:
        """The column of labels of a table, or one made of a column a class, 0 or 1, where the classes name columns."""
        if label in values or not names or not all(str(name) in values for name in names):
            return values.get(label)
        columns = [values[str(name)] for name in names]
        return [
            [str(name) for name, value in zip(names, row, strict=True) if _says_yes(str(name), value)]
            for row in zip(*columns, strict=True)
        ]

    def read_labels(
        self,
        values: Raw,
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> "tuple[FeatureType, pa.Array]":
        import pyarrow as pa
        from datasets import ClassLabel, List

        numbers: dict[object, int] = {written: number for number, written in enumerate(label_encoding)}
        rows = np.zeros((len(values), len(names)), dtype=np.int64)
        for row, own in enumerate(_sets(values, column, place)):
            for name in own:
                if name not in numbers:
                    choices = ", ".join(map(repr, label_encoding))
                    raise UserError(f"{place(row)}: label {name!r} is none of {choices} (column {column!r})")
                rows[row, numbers[name]] = 1
        # The feature holds the names; the values say of each class whether it is there.
        return List(ClassLabel(names=list(names))), pa.array(rows.tolist(), pa.list_(pa.int64()))

    def names_in(self, feature: "FeatureType") -> tuple[str, ...] | None:
        return names_in_list(feature)

    def batch_labels(self, labels: Sequence[Cell]) -> list[Cell]:
        return [np.asarray(own, dtype=np.float64).tolist() for own in labels]

    def outputs(self, names: Sequence[str]) -> int:
        return len(names)

    def configure(self, config: "PretrainedConfig", names: Sequence[str]) -> None:
        config.problem_type = "multi_label_classification"
        write_names(config, names)

    def names_of(self, config: "PretrainedConfig") -> tuple[str, ...] | None:
        if config.problem_type != "multi_label_classification":
            return None
        return written_names(config)

    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        import torch.nn.functional as F

        return F.binary_cross_entropy_with_logits(logits, labels.float(), reduction=reduction)

    def predictions(self, logits: Array) -> Array:
        return (np.asarray(logits) > 0).astype(np.int64)

    def tuned(self, held_logits: Array, held_labels: Array, logits: Array, labels: Array) -> dict[str, float]:
        """The threshold with the best micro F1 on the held-out texts, of equal ones the nearest to 1/2."""
        held, given = self.labelled(held_labels), self.labelled(labels)
        scores = {step / 20: float(_micro_f1(held, self._above(held_logits, step / 20))) for step in range(1, 20)}
        best = max(scores, key=lambda threshold: (scores[threshold], -abs(threshold - 0.5)))
        found = self._above(logits, best)
        macro = mean_f1(counts_by_class(given, found).sum(0))
        return {
            "threshold": best,
            "f1_micro_at_threshold": _micro_f1(given, found),
            "f1_macro_at_threshold": float(macro),
        }

    def _above(self, logits: Array, threshold: float) -> Array:
        return (self.read(Reads.CHANCES, logits) > threshold).astype(np.int64)

    def is_constant(self, logits: Array) -> bool:
        return len(np.unique(self.predictions(logits), axis=0)) == 1

    def kept(self, logits: Array, labels: Array, kept_as: DTypeLike) -> Mapping[str, Array | list[Array]]:
        columns = {"label": self.labelled(labels), "prediction": self.predictions(logits)}
        return {name: list(column.astype(kept_as)) for name, column in columns.items()} | {"logits": list(logits)}

    def answers(self, logits: "Tensor", names: Sequence[str], texts: Sequence[str] = ()) -> list[Prediction]:
        return _answers_above(HALF, logits, names)

    def tuned_answers(
        self, logits: "Tensor", names: Sequence[str], texts: Sequence[str], picked: Mapping[str, float | None]
    ) -> list[Prediction]:
        return _answers_above(_threshold(picked) or HALF, logits, names)

    def picked_said(self, picked: Mapping[str, float | None]) -> str:
        threshold = _threshold(picked)
        why = "no rows were held out to pick it on" if threshold is None else "picked on the held-out rows"
        return f"a class is answered above {threshold or HALF:g}, {why}"

    def written(self, logits: "Tensor", label_encoding: Sequence[str], low: float, high: float) -> list[str]:
        return [str(answer.label) for answer in self.answers(logits, label_encoding)]

    def flips(self, before: Array, after: Array) -> int:
        return int((self.predictions(before) != self.predictions(after)).any(1).sum())

    def reads(self, names: Sequence[str] | None) -> frozenset[Reads]:
        return frozenset({Reads.SETS, Reads.CHANCES})

    def read(self, what: Reads, logits: Array) -> Array:
        if what is Reads.SETS:
            return self.predictions(logits)
        return 1 / (1 + np.exp(-np.asarray(logits, dtype=np.float64)))

    def labelled(self, labels: Array) -> Array:
        return np.asarray(labels).astype(np.int64)


def _threshold(picked: Mapping[str, float | None]) -> float | None:
    """The one that a record names, if it is one: a stranger may have written it."""
    found = picked.get("threshold")
    return found if found is not None and 0 < found < 1 else None


def _answers_above(threshold: float, logits: "Tensor", names: Sequence[str]) -> list[Prediction]:
    return [
        Prediction(
            "|".join(name for name, chance in zip(names, row, strict=True) if chance > threshold),
            dict(zip(names, row, strict=True)),
        )
        for row in logits.sigmoid().tolist()
    ]


def _micro_f1(labels: Array, predictions: Array) -> float:
    return float(f1(*set_counts(labels, predictions).sum(0)))


def _sets(values: Raw, column: str, place: Place) -> list[list[str | int]]:
    """The classes of each row: a list, or a text in which one of ``SEPARATORS`` divides them."""
    texts = [value for value in values if isinstance(value, str)]
    separator = next((mark for mark in SEPARATORS if any(mark in text for text in texts)), SEPARATORS[0])
    found = []
    for row, value in enumerate(values):
        own = [part.strip() for part in value.split(separator)] if isinstance(value, str) else value
        own = [] if own is None else own
        if not isinstance(own, list | tuple | np.ndarray):
            raise UserError(f"{place(row)}: {value!r} in column {column!r} is no list of classes")
        for name in own:
            if isinstance(name, bool) or not isinstance(name, str | int):
                raise UserError(f"{place(row)}: {name!r} in column {column!r} is no class: a text or a whole number")
        found.append([name for name in own if name != ""])
    return found


def _says_yes(column: str, value: object) -> bool:
    text = "" if value is None else str(value).strip().lower()
    if text not in (*YES, *NO):
        raise UserError(f"column {column!r} is a class, and holds {value!r}; choices: 1, 0")
    return text in YES
