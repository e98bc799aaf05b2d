"""Regression: one number a text."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from src.metrics.metric import Reads
from src.tasks.prediction import Prediction
from src.tasks.sequence import SequenceKind
from src.tasks.signatures import Array, Place, Raw
from src.utils.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets.features.features import FeatureType
    from torch import Tensor
    from transformers import PretrainedConfig

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
LARGEST = 3.4028234663852886e38  # labels are trained on as float32


class Regression(SequenceKind):
    """No classes: squared error of one logit, which is the answer."""

    name: ClassVar[str] = "regression"
    title: ClassVar[str] = "a regression"
    has_classes: ClassVar[bool] = False
    picks_one: ClassVar[bool] = False
    smooths_labels: ClassVar[bool] = False
    windows_texts: ClassVar[bool] = True
    kept_as: ClassVar[type[np.generic]] = np.float32

    def read_labels(
        self,
        values: Raw,
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> "tuple[FeatureType, pa.Array]":
        import pyarrow as pa
        from datasets import Value

        return Value("float64"), pa.array(_numbers(values, column, place), pa.float64())

    def names_in(self, feature: "FeatureType") -> tuple[str, ...] | None:
        from datasets import Value

        return () if isinstance(feature, Value) else None

    def outputs(self, names: Sequence[str]) -> int:
        return 1

    def configure(self, config: "PretrainedConfig", names: Sequence[str]) -> None:
        config.problem_type = "regression"
        config.num_labels = 1

    def names_of(self, config: "PretrainedConfig") -> tuple[str, ...] | None:
        return () if config.num_labels == 1 and config.problem_type in (None, "regression") else None

    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        import torch.nn.functional as F

        return F.mse_loss(logits.squeeze(), labels.squeeze().float(), reduction=reduction)

    def predictions(self, logits: Array) -> Array:
        return logits.reshape(len(logits), -1)[:, 0]

    def answers(self, logits: "Tensor", names: Sequence[str], texts: Sequence[str] = ()) -> list[Prediction]:
        return [Prediction(value, {}) for value in logits[:, 0].tolist()]

    def written(self, logits: "Tensor", label_encoding: Sequence[str], low: float, high: float) -> list[str]:
        return [f"{value:.3f}" for value in logits[:, 0].clamp(low, high).tolist()]

    def flips(self, before: Array, after: Array) -> int:
        return 0

    def reads(self, names: Sequence[str] | None) -> frozenset[Reads]:
        return frozenset({Reads.VALUES})

    def read(self, what: Reads, logits: Array) -> Array:
        return self.predictions(logits)

    def labelled(self, labels: Array) -> Array:
        return labels


def _numbers(values: Raw, column: str, place: Place) -> list[float]:
    numbers = []
    for row, value in enumerate(values):
        number = _number(value)
        if not abs(number) <= LARGEST:  # NaN is not, either
            raise UserError(f"{place(row)}: label {value!r} in column {column!r} is not a finite number")
        numbers.append(number)
    return numbers


def _number(value: object) -> float:
    """A label as a number; NaN for what is none. Python's ``float`` takes more: bytes, booleans, ``1_000``."""
    if isinstance(value, bool) or (isinstance(value, str) and not NUMBER.fullmatch(value.strip())):
        return math.nan
    if isinstance(value, int | float | str):
        with suppress(OverflowError):
            return float(value)
    return math.nan
