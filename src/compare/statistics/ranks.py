"""Spearman's correlation, which is no function of sums: ranks change with the examples drawn."""

import numpy as np
from scipy.stats import rankdata

from src.compare.statistics.features import Array
from src.compare.statistics.panel import MANY, Panel
from src.metrics.decomposition import Ranks
from src.metrics.names import all_metrics

STRIDE = 32
CELLS = 2**18  # of a block of n examples by resamples, which stays in the processor's cache


class RankPanel(Panel):
    """Spearman's: a resample ranks anew, ties and repeats included.

    Of more than ``MANY`` examples a resample takes the ranks for given numbers: they hardly change. ``influence`` takes
    them for given numbers, too.
    """

    def __init__(self, metric: Ranks, labels: Array, predictions: Array) -> None:
        super().__init__(metric.of, rankdata(labels), rankdata(predictions, axis=1), None)
        self.labels, self.predictions = np.asarray(labels), np.asarray(predictions)

    def resampled(self, weights: Array) -> Array:
        n = len(self.labels)
        if n > MANY:
            return super().resampled(weights)
        labels, runs = _Sorted(self.labels), [_Sorted(row) for row in self.predictions]
        width = max(1, CELLS // n)
        columns = np.ascontiguousarray(weights.T, dtype=np.float32)  # whole numbers, exact up to 2^24
        blocks = [_moments(labels, runs, columns[:, start : start + width]) for start in range(0, len(weights), width)]
        return self._of_sums(np.concatenate(blocks))


class _Sorted:
    """A column's order, and which of its values are tied."""

    def __init__(self, values: Array) -> None:
        self.order = np.argsort(values, kind="stable")
        _, self.group = np.unique(values[self.order], return_inverse=True)
        self.starts = np.flatnonzero(np.diff(self.group, prepend=-1))
        self.ties = len(self.starts) < len(values)

    def sums(self, columns: Array) -> Array:
        """(G, R) sums of (n, R) over each of the G values, in their order."""
        found = columns[self.order]
        return np.add.reduceat(found, self.starts, axis=0) if self.ties else found


def _moments(labels: _Sorted, runs: list[_Sorted], columns: Array) -> Array:
    """(R, k, 6) sums of 1, x, y, x^2, y^2, xy over centred mid-ranks, example j occurring ``columns[j, r]`` times.

    With c_g the number of examples of value g and C_g those up to it, the mid-rank of g less the mean rank is
    ``C_g - c_g / 2 - N / 2``, and ``sum_g c_g rank_g^2 = (N^3 - sum_g c_g^3) / 12``. Where no two values are equal,
    what holds c alone is the same for all runs.
    """
    counts = labels.sums(columns)
    total = counts.sum(0, dtype=np.float64)
    ranks = np.empty_like(columns)
    ranks[labels.order] = (counts.cumsum(0) - counts / 2 - total / 2).astype(np.float32)[labels.group]
    ranks *= columns
    untied = _spread(columns, total), np.einsum("gr,gr->r", ranks, columns)
    label_spread = _spread(counts, total)
    found = []
    for run in runs:
        counts, sums = run.sums(columns), run.sums(ranks)
        spread, own = (_spread(counts, total), np.einsum("gr,gr->r", sums, counts)) if run.ties else untied
        _accumulate(counts)
        products = np.einsum("gr,gr->r", sums, counts) - own / 2
        none = np.zeros_like(total)
        found.append(np.stack([total, none, none, label_spread, spread, products], axis=-1))
    return np.stack(found, axis=1)


def _accumulate(rows: Array) -> None:
    """Cumulative sums of (G, R) over G, in place: a row is added to the next in many places at once, which is several
    times as quick as numpy's ``cumsum``."""
    whole = len(rows) // STRIDE * STRIDE
    parts = rows[:whole].reshape(-1, STRIDE, rows.shape[1])
    for place in range(1, STRIDE):
        parts[:, place] += parts[:, place - 1]
    parts[1:] += parts[:-1, -1].cumsum(0)[:, None]
    tail = rows[max(whole - 1, 0) :]
    np.cumsum(tail, axis=0, out=tail)


def _spread(counts: Array, total: Array) -> Array:
    """(R,) sums of squares of the mid-ranks."""
    return (total**3 - (counts**3).sum(0, dtype=np.float64)) / 12


def make_panel(metric: str, labels: Array, predictions: Array, num_classes: int | None) -> Panel | None:
    """The panel of a metric by its name; None where the metric has no such form, or is none of ours."""
    known = all_metrics().get(metric)
    decomposition = None if known is None else known.decomposition
    if decomposition is None:
        return None
    if isinstance(decomposition, Ranks):
        return RankPanel(decomposition, labels, predictions)
    return Panel(decomposition, labels, predictions, num_classes)
