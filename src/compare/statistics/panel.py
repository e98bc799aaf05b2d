"""Runs' metric as a function of the examples: of how often each is drawn, and of whose prediction each carries.

Every metric here but Spearman's is a smooth function of sums over examples, ``g(sum_j w_j f_j)``, where ``f_j``
depends on the label and the prediction of example j alone: hits for accuracy, hits, predictions and labels of each
class for F1 and Matthews, five moments for Pearson. Resampling the examples is then one matrix product for all runs,
and the metric is recomputed, not approximated.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from src.compare.statistics.features import Array, Features, class_counts, stacked

MANY = 50_000  # examples from which on those that are alike are taken together


class Panel:
    """Runs judged by one metric on the same examples.

    Args:
        metric: one of ``METRICS``.
        labels: (n,) references.
        predictions: (k, n) predicted classes or values, one row per run.
        num_classes: of the task, where it is one of classification; else None.

    Attributes:
        predictions: (k, n) as given; ``classes`` their number, None for regression.
        features: what each example adds to the metric's sums.
        values: (k,) the metric on the examples as they are.
        counts: (n,) how many examples each one stands for, see ``kinds``; None for one.

    Raises:
        KeyError: for a metric that has no entry in ``METRICS``.
    """

    def __init__(self, metric: str, labels: Array, predictions: Array, num_classes: int | None) -> None:
        self.metric, self.labels, self.classes = metric, np.asarray(labels), num_classes
        self.predictions = np.asarray(predictions)
        features, self._of_sums = METRICS[metric]
        self.features = features(self.labels, self.predictions, num_classes)
        self.counts: Array | None = None
        self.values = self._of_sums(self._sums)

    @property
    def _sums(self) -> Array:
        return self.features.total() if self.counts is None else self.features.weighted(self.counts[None])[0]

    @property
    def width(self) -> int:
        """How many sums a resample has, of all runs."""
        return self.features.total().size

    def of(self, runs: Sequence[int]) -> Self:
        """The panel of some of the runs, by their rows."""
        panel = copy.copy(self)
        rows = list(runs)
        panel.predictions, panel.values = self.predictions[rows], self.values[rows]
        panel.features = self.features.of(rows)
        return panel

    def at(self, examples: Array, counts: Array) -> Self:
        """The panel of some of the examples, each standing for so many; the metric's values stay the whole's."""
        panel = copy.copy(self)
        panel.labels, panel.predictions = self.labels[examples], self.predictions[:, examples]
        panel.features, panel.counts = self.features.at(examples), counts
        return panel

    def resampled(self, weights: Array) -> Array:
        """(R, k) metrics with example j counted ``weights[r, j]`` times."""
        return self._of_sums(self.features.weighted(weights))

    def exchanged(self, other: Self, swaps: Array) -> Array:
        """(R, k) metrics minus the other panel's after the two swapped predictions where ``swaps[r, j]`` is 1."""
        moved = other.features.minus(self.features).weighted(swaps)
        return self._of_sums(self._sums + moved) - self._of_sums(other._sums - moved)

    def influence(self) -> Array:
        """(k, n) pseudo-values: their mean is the metric, their spread its sampling error (infinitesimal jackknife).

        ``value + n dg/dw_j``; for accuracy they are the hits and misses themselves.
        """
        means = self._sums / len(self.labels)
        gradient = np.empty_like(means)
        for place in range(means.shape[-1]):
            step = np.zeros(means.shape[-1])
            step[place] = 1e-6
            gradient[:, place] = (self._of_sums(means + step) - self._of_sums(means - step)) / 2e-6
        offset = self.values - (means * gradient).sum(-1)
        return offset[:, None] + self.features.along(gradient)


class RankPanel(Panel):
    """Spearman's: ranks change with the examples drawn, so a resample ranks anew, ties and repeats included.

    Of more than ``MANY`` examples a resample takes the ranks for given numbers: they hardly change.
    ``exchanged`` and ``influence`` take the ranks for given numbers; a sort for each swap would cost minutes.
    """

    def __init__(self, metric: str, labels: Array, predictions: Array, num_classes: int | None) -> None:
        from scipy.stats import rankdata

        super().__init__("pearson", rankdata(labels), rankdata(predictions, axis=1), None)
        self.metric, self.labels, self.predictions = metric, np.asarray(labels), np.asarray(predictions)

    def resampled(self, weights: Array) -> Array:
        if len(self.labels) > MANY:
            return super().resampled(weights)
        x = _weighted_ranks(self.labels, weights)
        columns = []
        for row in self.predictions:
            y = _weighted_ranks(row, weights)
            sums = [weights, weights * x, weights * y, weights * x * x, weights * y * y, weights * x * y]
            columns.append(_pearson(np.stack([term.sum(-1) for term in sums], axis=-1)))
        return np.stack(columns, axis=1)


def kinds(panels: Sequence[Panel]) -> tuple[Array, Array] | None:
    """One example of each kind, and how many there are of it; None where hardly two are alike.

    Examples with the same label and the same predictions of all runs are of one kind: nothing here tells them apart.
    How often each kind is drawn, when n examples are, is multinomial, and how many of a kind are exchanged is binomial,
    so that a million examples of a hundred kinds cost what a hundred do.

    Args:
        panels: on the same examples.
    """
    columns = [panels[0].labels, *(row for panel in panels for row in panel.predictions)]
    n = len(columns[0])
    kind, first, counts = np.zeros(n, dtype=np.int64), np.zeros(1, dtype=np.int64), np.array([n])
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        _, first, kind, counts = np.unique(
            kind * len(values) + codes, return_index=True, return_inverse=True, return_counts=True
        )
        if len(first) > n // 4:
            return None
    return first, counts


def make_panel(metric: str, labels: Array, predictions: Array, num_classes: int | None) -> Panel | None:
    """The panel of a metric by its name; None where the metric has no such form."""
    kind = RankPanel if metric == "spearmanr" else Panel if metric in METRICS else None
    return kind and kind(metric, labels, predictions, num_classes)


def _weighted_ranks(values: Array, weights: Array) -> Array:
    """(R, n) mid-ranks of the values when value j occurs ``weights[r, j]`` times."""
    order = np.argsort(values, kind="stable")
    _, group = np.unique(values[order], return_inverse=True)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    counts = np.add.reduceat(weights[:, order].astype(np.float64), starts, axis=1)
    middle = counts.cumsum(1) - counts / 2 + 0.5
    ranks = np.empty(weights.shape)
    ranks[:, order] = middle[:, group]
    return ranks


def _divide(numerator: Array, denominator: Array) -> Array:
    """A metric whose denominator is 0 counts 0, as in scikit-learn."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, 0.0)


def _hits(labels: Array, predictions: Array, num_classes: int | None) -> Features:
    """1, and whether the prediction is right."""
    return stacked([np.stack([np.ones(len(labels)), row == labels], axis=1) for row in predictions])


def _by_class(labels: Array, predictions: Array, num_classes: int | None) -> Features:
    classes = num_classes or int(max(labels.max(), predictions.max())) + 1
    return class_counts(labels, predictions, classes)


def _of_class_one(labels: Array, predictions: Array, num_classes: int | None) -> Features:
    """The hits, the predictions and the labels that are class 1."""
    true = labels == 1
    return stacked([np.stack([true & (row == 1), row == 1, true], axis=1) for row in predictions])


def _classes(sums: Array) -> tuple[Array, Array, Array]:
    """Hits, predictions and labels of each class."""
    hits, predicted, true = np.split(sums, 3, axis=-1)
    return hits, predicted, true


def _matthews(sums: Array) -> Array:
    """R_K of Gorodkin (2004), which is Matthews' for two classes."""
    hits, predicted, true = _classes(sums)
    total, right = true.sum(-1), hits.sum(-1)
    spread = (total**2 - (predicted**2).sum(-1)) * (total**2 - (true**2).sum(-1))
    return _divide(right * total - (true * predicted).sum(-1), np.sqrt(np.maximum(spread, 0)))


def _f1_per_class(sums: Array) -> Array:
    hits, predicted, true = _classes(sums)
    return _divide(2 * hits, true + predicted)


def _f1_macro(sums: Array) -> Array:
    _, predicted, true = _classes(sums)
    present = true + predicted > 1e-9  # scikit-learn averages over the classes that occur on either side
    return _divide((_f1_per_class(sums) * present).sum(-1), present.sum(-1))


def _f1_weighted(sums: Array) -> Array:
    _, _, true = _classes(sums)
    return _divide((_f1_per_class(sums) * true).sum(-1), true.sum(-1))


def _f1(sums: Array) -> Array:
    return _f1_per_class(sums)[..., 0]


def _precision(sums: Array) -> Array:
    return _divide(sums[..., 0], sums[..., 1])


def _recall(sums: Array) -> Array:
    return _divide(sums[..., 0], sums[..., 2])


def _moments(labels: Array, predictions: Array, num_classes: int | None) -> Features:
    """1, x, y, x^2, y^2, xy of the standardised columns, so that single precision suffices for their sums."""
    x = _standardised(labels)
    columns = ((x, _standardised(row)) for row in predictions)
    return stacked([np.stack([np.ones_like(x, dtype=float), x, y, x * x, y * y, x * y], axis=1) for x, y in columns])


def _standardised(column: Array) -> Array:
    return (column - column.mean()) / (column.std() or 1.0)


def _pearson(sums: Array) -> Array:
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0)
    return _divide(n * xy - x * y, np.sqrt(spread))


def _errors(power: int) -> Callable[[Array, Array, int | None], Features]:
    def features(labels: Array, predictions: Array, num_classes: int | None) -> Features:
        errors = np.abs(predictions - labels) ** power
        return stacked([np.stack([np.ones_like(error, dtype=float), error], axis=1) for error in errors])

    return features


def _mean(sums: Array) -> Array:
    return _divide(sums[..., 1], sums[..., 0])


METRICS: dict[str, tuple[Callable[[Array, Array, int | None], Features], Callable[[Array], Array]]] = {
    "accuracy": (_hits, _mean),
    "matthews_correlation": (_by_class, _matthews),
    "f1": (_of_class_one, _f1),
    "f1_macro": (_by_class, _f1_macro),
    "f1_weighted": (_by_class, _f1_weighted),
    "precision": (_of_class_one, _precision),
    "recall": (_of_class_one, _recall),
    "pearson": (_moments, _pearson),
    "mse": (_errors(2), _mean),
    "mae": (_errors(1), _mean),
}
