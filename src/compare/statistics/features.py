"""What each run adds, example by example, to the sums that a metric is a function of.

Two forms of one table of n examples, k runs and f sums. The dense one is quick for few sums. Counts by class are hardly
anything but zeros: of 3 C sums an example touches three, so many classes are kept sparse, and cost what few do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Array = NDArray[Any]
FEW = 12  # classes up to which a dense table is the quicker one
LARGEST = 2**28  # bytes of a dense table of groups


class Features(Protocol):
    """A table of n examples, k runs and f sums."""

    def of(self, runs: Sequence[int]) -> Self:
        """The table of some of the runs."""

    def at(self, examples: Array) -> Self:
        """The table of some of the examples."""

    def total(self) -> Array:
        """(k, f) sums over the examples."""

    def weighted(self, weights: Array) -> Array:
        """(R, k, f) sums with example j counted ``weights[r, j]`` times."""

    def along(self, direction: Array) -> Array:
        """(k, n) products of each example's row with its run's direction, (k, f)."""

    def gathered(self, groups: Array, number: int) -> "Features":
        """The table of so many groups of examples, of (n,) numbers from 0: each row is the sum of a group's."""


@dataclass(frozen=True)
class Dense:
    """(n, k, f) values, in single precision."""

    values: Array

    def of(self, runs: Sequence[int]) -> "Dense":
        return Dense(self.values[:, list(runs)])

    def at(self, examples: Array) -> "Dense":
        return Dense(self.values[examples])

    def total(self) -> Array:
        return self.values.sum(0, dtype=np.float64)

    def weighted(self, weights: Array) -> Array:
        n, k, f = self.values.shape
        return (weights @ self.values.reshape(n, k * f)).astype(np.float64).reshape(len(weights), k, f)

    def along(self, direction: Array) -> Array:
        return np.einsum("nkf,kf->kn", self.values.astype(np.float64), direction)

    def gathered(self, groups: Array, number: int) -> "Dense":
        n, k, f = self.values.shape
        sums = _indicator(groups, number) @ self.values.reshape(n, k * f)
        return Dense(sums.reshape(number, k, f))


@dataclass(frozen=True)
class Sparse:
    """The same, as one (f, n) matrix for each run."""

    runs: tuple[csr_array, ...]

    def of(self, runs: Sequence[int]) -> "Sparse":
        return Sparse(tuple(self.runs[run] for run in runs))

    def at(self, examples: Array) -> "Sparse":
        return Sparse(tuple(csr_array(run[:, examples]) for run in self.runs))

    def total(self) -> Array:
        return np.stack([np.asarray(run.sum(axis=1, dtype=np.float64)) for run in self.runs])

    def weighted(self, weights: Array) -> Array:
        columns = np.ascontiguousarray(weights.T)
        return np.stack([(run @ columns).T.astype(np.float64) for run in self.runs], axis=1)

    def along(self, direction: Array) -> Array:
        return np.stack([run.T @ own for run, own in zip(self.runs, direction, strict=True)])

    def gathered(self, groups: Array, number: int) -> Features:
        """Dense where that has room: a group touches many of the sums that an example does not."""
        columns = csr_array(_indicator(groups, number).T)
        sums = [csr_array(run @ columns) for run in self.runs]
        if 4 * number * sum(run.shape[0] for run in sums) > LARGEST:
            return Sparse(tuple(sums))
        return stacked([run.toarray().T for run in sums])


def _indicator(groups: Array, number: int) -> csr_array:
    """(number, n): a one where an example is of a group."""
    n = len(groups)
    return csr_array((np.ones(n, dtype=np.float32), (groups, np.arange(n))), shape=(number, n))


def stacked(rows: Sequence[Array]) -> Dense:
    """The table of (n, f) values a run."""
    return Dense(np.stack([row.astype(np.float32) for row in rows], axis=1))


def class_counts(labels: Array, predictions: Array, classes: int) -> Features:
    """Counts by class: C of the hits, C of the predictions, C of the labels.

    Args:
        labels: (n,) classes.
        predictions: (k, n) classes.
        classes: their number C.
    """
    tables = [_counts(labels.astype(np.int64), row.astype(np.int64), classes) for row in predictions]
    if classes > FEW:
        return Sparse(tuple(tables))
    return stacked([table.toarray().T for table in tables])


def _counts(labels: Array, predictions: Array, classes: int) -> csr_array:
    examples = np.arange(len(labels))
    hits = labels == predictions
    rows = np.concatenate([labels[hits], classes + predictions, 2 * classes + labels])
    columns = np.concatenate([examples[hits], examples, examples])
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_array((ones, (rows, columns)), shape=(3 * classes, len(labels)))
