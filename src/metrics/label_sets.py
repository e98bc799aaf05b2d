"""Sets of classes, counted in all examples at once: rows (n, C) that hold 1 for each class of an example, else 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.metrics.decomposition import f1

Array = NDArray[Any]


def set_counts(labels: Array, predictions: Array) -> Array:
    """(n, 3) of each example: the classes that are in both sets, in the predicted, in the true one."""
    true, predicted = _rows(labels), _rows(predictions)
    return np.stack([(true & predicted).sum(1), predicted.sum(1), true.sum(1)], axis=1)


def counts_by_class(labels: Array, predictions: Array) -> Array:
    """(n, 3 C) of each example: for each class whether it is in both sets, in the predicted, in the true one."""
    true, predicted = _rows(labels), _rows(predictions)
    return np.concatenate([true & predicted, predicted, true], axis=1)


def mean_f1(sums: Array) -> Array:
    """The mean of all classes' F1, of sums (..., 3 C)."""
    return np.asarray(f1(*np.split(sums, 3, axis=-1)).mean(-1))


def _rows(sets: Array) -> Array:
    """(n, C) booleans; of one class (n,) will do."""
    sets = np.asarray(sets)
    return sets.reshape(len(sets), -1) > 0
