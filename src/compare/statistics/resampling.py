"""Metrics on resampled examples: every run on the same draws, the metric recomputed in each."""

from collections.abc import Iterator

import numpy as np

from src.compare.statistics.panel import MANY, Array, Panel, kinds

CHUNK = 500  # resamples at a time: a block of weights stays in the processor's cache
BLOCK = 2**28  # bytes that a block may take, where there are many examples
AFFORDABLE = 1e9  # draws of examples that a table may take
PER_WEIGHT = 20  # bytes: the draw, its count, the weight and its copy


def blocks(resamples: int, size: int) -> Iterator[int]:
    """How many resamples of so many examples (and sums) are made at a time, as often as it takes."""
    most = max(1, min(CHUNK, BLOCK // (PER_WEIGHT * max(size, 1))))
    for start in range(0, resamples, most):
        yield min(most, resamples - start)


def affordable(resamples: int, examples: int) -> int:
    """As many of the resamples as so many examples leave time for, a thousand at least."""
    return min(resamples, max(1000, int(AFFORDABLE / max(examples, 1))))


def draws(rng: np.random.Generator, resamples: int, size: int, beside: int = 0) -> Iterator[Array]:
    """Blocks of (R, size) counts of how often each of ``size`` things was drawn in ``size`` draws with replacement."""
    for rows in blocks(resamples, size + beside):
        drawn = rng.integers(0, size, (rows, size), dtype=np.int32)
        drawn += np.arange(rows, dtype=np.int32)[:, None] * size
        counts = np.bincount(drawn.ravel(), minlength=rows * size)
        yield counts.reshape(rows, size).astype(np.float32)


def resample_examples(panel: Panel, resamples: int, seed: int = 0, clusters: Array | None = None) -> Array:
    """(R, k) metrics of all runs on the same draws of examples.

    Args:
        panel: of k runs.
        resamples: their number R.
        seed: of the draws.
        clusters: (n,) numbers from 0 of what is drawn whole, such as documents; None draws single examples.
    """
    rng = np.random.default_rng(seed)
    n = len(panel.labels)
    if clusters is not None:
        weights: Iterator[Array] = (
            block[:, clusters] for block in draws(rng, resamples, int(clusters.max()) + 1, n + panel.width)
        )
    elif n > MANY and (found := kinds([panel])) is not None:
        examples, counts = found
        panel = panel.at(examples, counts)
        share = counts / n
        weights = (
            rng.multinomial(n, share, size=rows).astype(np.float32)
            for rows in blocks(resamples, len(examples) + panel.width)
        )
    else:
        weights = draws(rng, resamples, n, panel.width)
    return np.concatenate([panel.resampled(block) for block in weights])


def by_cluster(table: Array, clusters: Array) -> Array:
    """A (k, n) table of pseudo-values as one of (k, C), of the same means, whose columns are independent.

    With the deviations e of a row from its mean and T_c their sum over cluster c, a cell is ``mean + C T_c / n``: the
    variance of the mean is then ``C / (C - 1) sum_c T_c^2 / n^2``, the clustered one (Miller 2024, arXiv 2411.00640).
    """
    number = int(clusters.max()) + 1
    means = table.mean(1, keepdims=True)
    sums = np.stack([np.bincount(clusters, row, minlength=number) for row in table - means])
    return means + number / table.shape[1] * sums
