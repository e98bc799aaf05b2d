"""Runs' metric as a function of the examples: of how often each is drawn.

Every metric but Spearman's is a smooth function of sums over examples, ``g(sum_j w_j f_j)``, see
``src.metrics.decomposition``. Resampling the examples is then one matrix product for all runs, and the metric is
recomputed, not approximated.
"""

import copy
from collections.abc import Sequence
from typing import Self

import numpy as np

from src.compare.statistics.features import Array, Features, class_counts, stacked
from src.metrics.decomposition import ClassCounts, Sums

MANY = 50_000  # examples from which on those that are alike are taken together


class Panel:
    """Runs judged by one metric on the same examples.

    Args:
        metric: how it is made of its examples.
        labels: (n,) references; (n, m) where an example has several answers.
        predictions: (k, n) predicted classes or values, one row per run; (k, n, m).
        num_classes: of the task, where it is one of classification; else None.

    Attributes:
        predictions: (k, n) as given; ``classes`` their number, None for regression.
        features: what each example adds to the metric's sums.
        values: (k,) the metric on the examples as they are.
        counts: (n,) how many examples each one stands for, see ``kinds``; None for one.
    """

    def __init__(self, metric: Sums | ClassCounts, labels: Array, predictions: Array, num_classes: int | None) -> None:
        self.metric, self.labels, self.classes = metric, np.asarray(labels), num_classes
        self.predictions = np.asarray(predictions)
        self.features = _features(metric, self.labels, self.predictions, num_classes)
        self.counts: Array | None = None
        self.values = self._of_sums(self._sums)

    def _of_sums(self, sums: Array) -> Array:
        """(..., k) metrics of (..., k, f) sums; one that has no value counts 0."""
        if isinstance(self.metric, ClassCounts):
            return self.metric.value(*np.split(sums, 3, axis=-1))
        found = self.metric.value(sums)
        return np.where(np.isnan(found), 0.0, found)

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

    def gathered(self, groups: Array, number: int) -> Self:
        """The panel whose ``resampled`` takes (R, number) weights of groups of examples, of (n,) numbers from 0."""
        panel = copy.copy(self)
        panel.features = self.features.gathered(groups, number)
        return panel

    def resampled(self, weights: Array) -> Array:
        """(R, k) metrics with example j counted ``weights[r, j]`` times."""
        return self._of_sums(self.features.weighted(weights))

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
        axis = None if column.ndim == 1 else 0  # an example may have a row of answers
        values, codes = np.unique(column, return_inverse=True, axis=axis)
        _, first, kind, counts = np.unique(
            kind * len(values) + codes.reshape(-1), return_index=True, return_inverse=True, return_counts=True
        )
        if len(first) > n // 4:
            return None
    return first, counts


def _features(metric: Sums | ClassCounts, labels: Array, predictions: Array, num_classes: int | None) -> Features:
    if isinstance(metric, ClassCounts):
        return class_counts(labels, predictions, num_classes or int(max(labels.max(), predictions.max())) + 1)
    return stacked([metric.terms(labels, row) for row in predictions])
