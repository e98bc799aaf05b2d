"""Runs' metric as a function of the examples: of how often each is drawn, and of whose prediction each carries.

Every metric here but Spearman's is a smooth function of sums over examples, ``g(sum_j w_j f_j)``, where ``f_j``
depends on the label and the prediction of example j alone: a table of label against prediction for classification,
five moments for Pearson. Resampling the examples is then one matrix product for all runs, and the metric is recomputed,
not approximated.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Panel:
    """Runs judged by one metric on the same examples.

    Args:
        metric: one of ``METRICS``.
        labels: (n,) references.
        predictions: (k, n) predicted classes or values, one row per run.
        num_classes: of the task, where it is one of classification; else None.

    Attributes:
        predictions: (k, n) as given; ``classes`` their number, None for regression.
        features: (n, k, f).
        values: (k,) the metric on the examples as they are.

    Raises:
        KeyError: for a metric that has no entry in ``METRICS``.
    """

    def __init__(self, metric: str, labels: Array, predictions: Array, num_classes: int | None) -> None:
        self.metric, self.labels, self.classes = metric, np.asarray(labels), num_classes
        self.predictions = np.asarray(predictions)
        features, self._of_sums = METRICS[metric]
        rows = [features(self.labels, row, num_classes).astype(np.float32) for row in self.predictions]
        self.features = np.stack(rows, axis=1)
        self.values = self._of_sums(self._sums)

    @property
    def _sums(self) -> Array:
        return self.features.sum(0, dtype=np.float64)

    def of(self, runs: Sequence[int]) -> Self:
        """The panel of some of the runs, by their rows."""
        panel = copy.copy(self)
        rows = list(runs)
        panel.predictions, panel.features, panel.values = (
            self.predictions[rows],
            self.features[:, rows],
            self.values[rows],
        )
        return panel

    def resampled(self, weights: Array) -> Array:
        """(R, k) metrics with example j counted ``weights[r, j]`` times."""
        return self._of_sums(_product(weights, self.features))

    def exchanged(self, other: Self, swaps: Array) -> Array:
        """(R, k) metrics minus the other panel's after the two swapped predictions where ``swaps[r, j]`` is 1."""
        moved = _product(swaps, other.features - self.features)
        return self._of_sums(self._sums + moved) - self._of_sums(other._sums - moved)

    def influence(self) -> Array:
        """(k, n) pseudo-values: their mean is the metric, their spread its sampling error (infinitesimal jackknife).

        ``value + n dg/dw_j``; for accuracy they are the hits and misses themselves.
        """
        means = self.features.mean(0, dtype=np.float64)
        steps = 1e-6 * np.eye(means.shape[-1])[:, None]
        gradient = (self._of_sums(means + steps) - self._of_sums(means - steps)) / 2e-6
        return self.values[:, None] + np.einsum("nkf,fk->kn", self.features - means, gradient)


class RankPanel(Panel):
    """Spearman's: ranks change with the examples drawn, so a resample ranks anew, ties and repeats included.

    ``exchanged`` and ``influence`` take the ranks for given numbers; a sort for each swap would cost minutes.
    """

    def __init__(self, metric: str, labels: Array, predictions: Array, num_classes: int | None) -> None:
        from scipy.stats import rankdata

        super().__init__("pearson", rankdata(labels), rankdata(predictions, axis=1), None)
        self.metric, self.labels, self.predictions = metric, np.asarray(labels), np.asarray(predictions)

    def resampled(self, weights: Array) -> Array:
        x = _weighted_ranks(self.labels, weights)
        columns = []
        for row in self.predictions:
            y = _weighted_ranks(row, weights)
            sums = [weights, weights * x, weights * y, weights * x * x, weights * y * y, weights * x * y]
            columns.append(_pearson(np.stack([term.sum(-1) for term in sums], axis=-1)))
        return np.stack(columns, axis=1)


def make_panel(metric: str, labels: Array, predictions: Array, num_classes: int | None) -> Panel | None:
    """The panel of a metric by its name; None where the metric has no such form."""
    kind = RankPanel if metric == "spearmanr" else Panel if metric in METRICS else None
    return kind and kind(metric, labels, predictions, num_classes)


def _product(weights: Array, features: Array) -> Array:
    """(R, n) times (n, k, f): (R, k, f) sums over examples."""
    n, k, f = features.shape
    return (weights @ features.reshape(n, k * f)).astype(np.float64).reshape(len(weights), k, f)


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


def _table(labels: Array, predictions: Array, num_classes: int | None) -> Array:
    """(n, C * C): one-hot cells of label against prediction."""
    classes = num_classes or int(max(labels.max(), predictions.max())) + 1
    return np.eye(classes * classes)[(labels * classes + predictions).astype(int)]


def _square(sums: Array) -> Array:
    size = int(np.sqrt(sums.shape[-1]))
    return sums.reshape(*sums.shape[:-1], size, size)


def _accuracy(sums: Array) -> Array:
    table = _square(sums)
    return _divide(np.trace(table, axis1=-2, axis2=-1), table.sum((-2, -1)))


def _matthews(sums: Array) -> Array:
    """R_K of Gorodkin (2004), which is Matthews' for two classes."""
    table = _square(sums)
    total, true, predicted = table.sum((-2, -1)), table.sum(-1), table.sum(-2)
    right = np.trace(table, axis1=-2, axis2=-1)
    spread = (total**2 - (predicted**2).sum(-1)) * (total**2 - (true**2).sum(-1))
    return _divide(right * total - (true * predicted).sum(-1), np.sqrt(np.maximum(spread, 0)))


def _f1_per_class(sums: Array) -> tuple[Array, Array, Array]:
    table = _square(sums)
    true, predicted = table.sum(-1), table.sum(-2)
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    return _divide(2 * hits, true + predicted), true, predicted


def _f1(sums: Array) -> Array:
    return _f1_per_class(sums)[0][..., 1]


def _f1_macro(sums: Array) -> Array:
    score, true, predicted = _f1_per_class(sums)
    present = true + predicted > 1e-9  # scikit-learn averages over the classes that occur on either side
    return _divide((score * present).sum(-1), present.sum(-1))


def _f1_weighted(sums: Array) -> Array:
    score, true, _ = _f1_per_class(sums)
    return _divide((score * true).sum(-1), true.sum(-1))


def _precision(sums: Array) -> Array:
    table = _square(sums)
    return _divide(table[..., 1, 1], table[..., :, 1].sum(-1))


def _recall(sums: Array) -> Array:
    table = _square(sums)
    return _divide(table[..., 1, 1], table[..., 1, :].sum(-1))


def _moments(labels: Array, predictions: Array, num_classes: int | None) -> Array:
    """(n, 6): 1, x, y, x^2, y^2, xy of the standardised columns, so that single precision suffices for their sums."""
    x, y = ((column - column.mean()) / (column.std() or 1.0) for column in (labels, predictions))
    return np.stack([np.ones_like(x, dtype=float), x, y, x * x, y * y, x * y], axis=1)


def _pearson(sums: Array) -> Array:
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0)
    return _divide(n * xy - x * y, np.sqrt(spread))


def _errors(power: int) -> Callable[[Array, Array, int | None], Array]:
    def features(labels: Array, predictions: Array, num_classes: int | None) -> Array:
        error = np.abs(predictions - labels) ** power
        return np.stack([np.ones_like(error, dtype=float), error], axis=1)

    return features


def _mean(sums: Array) -> Array:
    return _divide(sums[..., 1], sums[..., 0])


METRICS: dict[str, tuple[Callable[[Array, Array, int | None], Array], Callable[[Array], Array]]] = {
    "accuracy": (_table, _accuracy),
    "matthews_correlation": (_table, _matthews),
    "f1": (_table, _f1),
    "f1_macro": (_table, _f1_macro),
    "f1_weighted": (_table, _f1_weighted),
    "precision": (_table, _precision),
    "recall": (_table, _recall),
    "pearson": (_moments, _pearson),
    "mse": (_errors(2), _mean),
    "mae": (_errors(1), _mean),
}
