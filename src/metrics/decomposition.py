"""How a metric is made of its examples: what the comparison needs to draw, exchange and leave out some of them.

Every metric of this project but Spearman's is a smooth function of sums over examples, ``g(sum_j f_j)``, where ``f_j``
depends on the label and the prediction of example j alone: hits for accuracy, hits, predictions and labels of each
class for F1 and Matthews, moments for Pearson. A new metric takes one of the three forms below, or has none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Sums:
    """A function of a few sums.

    Attributes:
        terms: of labels (n,) and one run's predictions (n,), what each example adds: (n, f).
        value: of the sums (..., f), the metric (...); nan where it has no value.
    """

    terms: Callable[[Array, Array], Array]
    value: Callable[[Array], Array]

    def whole(self, labels: Array, predictions: Array) -> float:
        """The metric of one run on all examples."""
        return float(self.value(self.terms(labels, predictions).sum(0, dtype=np.float64)))


@dataclass(frozen=True)
class ClassCounts:
    """A function of the counts by class: of the hits, of the predictions and of the labels.

    Attributes:
        value: of the three counts, (..., classes) each, the metric (...).
    """

    value: Callable[[Array, Array, Array], Array]

    def whole(self, labels: Array, predictions: Array) -> float:
        """The metric of one run on all examples, classes being whole numbers from 0."""
        size = max(2, int(labels.max()) + 1, int(predictions.max()) + 1)
        columns = (labels[labels == predictions], predictions, labels)
        hits, predicted, true = (np.bincount(column, minlength=size).astype(np.float64) for column in columns)
        return float(self.value(hits, predicted, true))


@dataclass(frozen=True)
class Ranks:
    """A function of sums over the ranks of labels and predictions, equal ones at their mean rank.

    Attributes:
        of: what it is of the ranks.
    """

    of: Sums

    def whole(self, labels: Array, predictions: Array) -> float:
        """The metric of one run on all examples."""
        from scipy.stats import rankdata

        return self.of.whole(rankdata(labels), rankdata(predictions))


Decomposition = Sums | ClassCounts | Ranks


def divided(numerator: Array, denominator: Array) -> Array:
    """The quotient; 0 where the denominator is, as scikit-learn has it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, 0.0)


def mean_of(score: Callable[[Array, Array], Array]) -> Sums:
    """The mean over examples of a score that each has by itself, of labels and predictions (n,)."""

    def terms(labels: Array, predictions: Array) -> Array:
        return np.stack([np.ones(len(labels)), score(labels, predictions)], axis=1)

    return Sums(terms, lambda sums: divided(sums[..., 1], sums[..., 0]))


def of_class_one(value: Callable[[Array, Array, Array], Array]) -> Sums:
    """A function of the counts of class 1: of the hits, of the predictions and of the labels."""

    def terms(labels: Array, predictions: Array) -> Array:
        true, predicted = labels == 1, predictions == 1
        return np.stack([true & predicted, predicted, true], axis=1)

    return Sums(terms, lambda sums: value(*np.moveaxis(sums, -1, 0)))


def f1(hits: Array, predicted: Array, true: Array) -> Array:
    """F1 from counts, of one class or of each: 2 TP / (2 TP + FP + FN)."""
    return divided(2 * hits, true + predicted)


def _moments(labels: Array, predictions: Array) -> Array:
    """1, x, y, x^2, y^2, xy of the standardised columns, so that single precision suffices for their sums."""
    x, y = _standardised(labels), _standardised(predictions)
    return np.stack([np.ones_like(x, dtype=float), x, y, x * x, y * y, x * y], axis=1)


def _standardised(column: Array) -> Array:
    return (column - column.mean()) / (column.std() or 1.0)


def _correlation(sums: Array) -> Array:
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (n * xy - x * y) / np.sqrt(spread), np.nan)


CORRELATION = Sums(_moments, _correlation)  # Pearson's
