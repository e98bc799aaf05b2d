"""Metrics on resampled examples: every run on the same draws, the metric recomputed in each.

Very many examples are put into groups at random, of as many each, and whole groups are drawn. A sum over G groups has
in expectation the same variance as one over the examples, known to a share of ``sqrt(2 / G)``: 1 % of 20,000 groups.
"""

from collections.abc import Iterator

import numpy as np

from src.compare.statistics.panel import MANY, Array, Panel, kinds

CHUNK = 500  # resamples at a time: a block of weights stays in the processor's cache
BLOCK = 2**28  # bytes that a block may take, where there are many examples
VERY_MANY = 100_000  # examples from which on they are drawn in groups
GROUPS = 20_000  # as many of them
PER_WEIGHT = 20  # bytes: the draw, its count, the weight and its copy


def blocks(resamples: int, size: int) -> Iterator[int]:
    """How many resamples of so many examples (and sums) are made at a time, as often as it takes."""
    most = max(1, min(CHUNK, BLOCK // (PER_WEIGHT * max(size, 1))))
    for start in range(0, resamples, most):
        yield min(most, resamples - start)


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
    if clusters is not None and n <= VERY_MANY:
        weights: Iterator[Array] = (
            block[:, clusters] for block in draws(rng, resamples, int(clusters.max()) + 1, n + panel.width)
        )
    elif clusters is None and n > MANY and (found := _few_kinds(panel)) is not None:
        examples, counts = found
        panel = panel.at(examples, counts)
        share = counts / n
        weights = (
            rng.multinomial(n, share, size=rows).astype(np.float32)
            for rows in blocks(resamples, len(examples) + panel.width)
        )
    elif n > VERY_MANY:
        whole = np.arange(n) if clusters is None else clusters
        number = int(whole.max()) + 1
        if number > VERY_MANY:
            whole, number = random_groups(number)[whole], GROUPS
        panel = panel.gathered(whole, number)
        weights = draws(rng, resamples, number, panel.width)
    else:
        weights = draws(rng, resamples, n, panel.width)
    return np.concatenate([panel.resampled(block) for block in weights])


def _few_kinds(panel: Panel) -> tuple[Array, Array] | None:
    """The kinds of the examples where they are fewer than the groups that would be drawn else."""
    found = kinds([panel])
    if found is not None and len(panel.labels) > VERY_MANY and len(found[1]) > GROUPS:
        return None
    return found


def random_groups(size: int, seed: int = 0) -> Array:
    """(size,) numbers below ``GROUPS``, each as often as the others but for one time."""
    return np.random.default_rng([seed, 2]).permutation(np.arange(size, dtype=np.int32) % GROUPS)


def by_cluster(table: Array, clusters: Array) -> Array:
    """A (k, n) table of pseudo-values as one of (k, C), of the same means, whose columns are independent.

    With the deviations e of a row from its mean and T_c their sum over cluster c, a cell is ``mean + C T_c / n``: the
    variance of the mean is then ``C / (C - 1) sum_c T_c^2 / n^2``, the clustered one (Miller 2024, arXiv 2411.00640).
    """
    number = int(clusters.max()) + 1
    means = table.mean(1, keepdims=True)
    sums = np.stack([np.bincount(clusters, row, minlength=number) for row in table - means])
    return means + number / table.shape[1] * sums
