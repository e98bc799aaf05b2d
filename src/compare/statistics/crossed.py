"""Is a difference real? Runs of two methods, paired by seed and by example.

A score varies for two reasons: another seed would have trained another model, and another sample of examples would have
judged it differently. Every seed sees every example, so the two are crossed, and the variance of a mean over k seeds
and n examples is estimated as for readers and cases in radiology (Hillis 2007, doi:10.1002/sim.2532):

    v = (MS_seed + max(MS_example - MS_rest, 0)) / (k n)

from the mean squares of the (k, n) table of differences (for Matthews, F1 or Pearson: of their pseudo-values). Seeds
are few, so v counts with Student's quantile at Satterthwaite's degrees of freedom, see `crossed_error`. Resampling
gives the shape around it:

interval    hierarchical bootstrap: seeds and examples are drawn with replacement, both methods alike; its distribution,
            standardised, is stretched to sqrt(v) and Student's quantile. (Left alone it would be too narrow for few
            seeds: Owen 2007, doi:10.1214/07-AOAS122, on crossed data, and Hesterberg 2015 on the expanded
            percentile.)
p           paired permutation: on each example the two methods' predictions change places or not. The observed
            difference is put on the permutations' scale after the same allowance for seeds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from src.compare.statistics.panel import MANY, Array, Panel, kinds

MIN_SEEDS = 3  # fewer support no claim
LEVEL = 0.95
POWER = 0.8
CHUNK = 500  # resamples at a time: a block of weights stays in the processor's cache
BLOCK = 2**28  # bytes that a block may take, where there are many examples
AFFORDABLE = 1e9  # draws of examples that a table may take
PER_WEIGHT = 20  # bytes: the draw, its count, the weight and its copy


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval; ``p`` and ``detectable`` belong to differences alone.

    ``detectable`` is the smallest true difference that this design would have shown with 80 % power at the 5 % level.
    """

    mean: float
    low: float
    high: float
    standard_error: float
    degrees: float
    p: float | None = None
    detectable: float | None = None


def crossed_error(table: Array) -> tuple[float, float]:
    """Standard error and degrees of freedom of the mean of a (seeds, examples) table, both factors random.

    ``df = (k - 1) ((m + e) / m)^2`` with ``e = max(MS_example - MS_rest, 0)`` and ``m = MS_seed (k + 1) / (k - 1)``.
    The factor is not Hillis's: a small MS_seed, which chance often gives with 3 or 4 seeds, would claim too many
    degrees. Simulated with 3, 4, 5 and 10 seeds that make up a tenth to nine tenths of the variance, a 5 % test
    rejects in 4.4 to 6.0 % with it, and in up to 7.8 % without.
    """
    k, n = table.shape
    grand, seeds, examples = table.mean(), table.mean(1), table.mean(0)
    rest = table - seeds[:, None] - examples[None, :] + grand
    ms_seed = n * ((seeds - grand) ** 2).sum() / (k - 1)
    ms_example = k * ((examples - grand) ** 2).sum() / (n - 1)
    ms_rest = (rest**2).sum() / ((k - 1) * (n - 1))
    excess = max(ms_example - ms_rest, 0.0)
    cautious = ms_seed * (k + 1) / (k - 1)
    degrees = (k - 1) * ((cautious + excess) / cautious) ** 2 if cautious > 0 else np.inf
    return float(np.sqrt((ms_seed + excess) / (k * n))), float(degrees)


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


def resample_examples(panel: Panel, resamples: int, seed: int = 0) -> Array:
    """(R, k) metrics of all runs on the same draws of examples."""
    rng = np.random.default_rng(seed)
    n = len(panel.labels)
    if n > MANY and (found := kinds([panel])) is not None:
        examples, counts = found
        panel = panel.at(examples, counts)
        share = counts / n
        weights: Iterator[Array] = (
            rng.multinomial(n, share, size=rows).astype(np.float32)
            for rows in blocks(resamples, len(examples) + panel.width)
        )
    else:
        weights = draws(rng, resamples, n, panel.width)
    return np.concatenate([panel.resampled(block) for block in weights])


def estimate(table: Array, values: Array, resampled: Array, seed: int = 0) -> Estimate:
    """Mean over seeds, with the interval of the hierarchical bootstrap.

    Args:
        table: (k, n) pseudo-values, of a method or of a difference.
        values: (k,) the metric, or the difference of metrics, per seed.
        resampled: (R, k) the same on resampled examples.
        seed: of the draws of seeds.
    """
    k = len(values)
    error, degrees = crossed_error(table)
    weights = np.concatenate(list(draws(np.random.default_rng(seed + 1), len(resampled), k)))
    means = (resampled * weights).sum(1) / k
    low, high = _stretched(means, error, degrees)
    return Estimate(float(values.mean()), float(values.mean()) + low, float(values.mean()) + high, error, degrees)


def compare(ours: Panel, theirs: Panel, resampled: Array, resamples: int, seed: int = 0) -> Estimate:
    """The paired difference ``ours - theirs`` with interval, permutation p and what could have been detected.

    Args:
        ours: runs of one method, in the order of their seeds.
        theirs: the same seeds of the other method, on the same examples.
        resampled: (R, k) differences on the same draws of examples, from `resample_examples`.
        resamples: number of permutations.
        seed: of all draws.
    """
    found = estimate(ours.influence() - theirs.influence(), ours.values - theirs.values, resampled, seed)
    null = permuted_differences(ours, theirs, resamples, seed)
    return replace(
        found,
        p=calibrated_p(found.mean, null, found.standard_error, found.degrees),
        detectable=detectable(found.standard_error, found.degrees),
    )


def permuted_differences(ours: Panel, theirs: Panel, resamples: int, seed: int = 0) -> Array:
    """(R,) mean differences, each example's predictions exchanged with probability 1/2, in all seeds alike."""
    rng = np.random.default_rng(seed + 2)
    size = len(ours.labels)
    found = []
    if size > MANY and (alike := kinds([ours, theirs])) is not None:
        examples, counts = alike
        ours, theirs = ours.at(examples, counts), theirs.at(examples, counts)
        for rows in blocks(resamples, len(examples) + ours.width):
            swapped = rng.binomial(counts, 0.5, size=(rows, len(counts))).astype(np.float32)
            found.append(ours.exchanged(theirs, swapped).mean(1))
        return np.concatenate(found)
    for rows in blocks(resamples, size + ours.width):
        swaps = np.unpackbits(rng.integers(0, 256, (rows, -(-size // 8)), dtype=np.uint8), axis=1)[:, :size]
        found.append(ours.exchanged(theirs, swaps.astype(np.float32)).mean(1))
    return np.concatenate(found)


def calibrated_p(difference: float, null: Array, error: float, degrees: float) -> float:
    """Two-sided p: how often a permutation is as far out as the difference is, in standard errors at ``degrees``."""
    spread = float(np.sqrt((null**2).mean()))
    if error == 0.0 or spread == 0.0:
        return 1.0 if difference == 0.0 else 1.0 / (len(null) + 1)
    score = -ndtri(max(_tail(abs(difference) / error, degrees), 1e-300))
    return float((1 + (np.abs(null) >= score * spread * (1 - 1e-12)).sum()) / (len(null) + 1))


def seeds_only(values: Array) -> Estimate:
    """Mean, Student interval and p over seeds alone: where the predictions are missing, examples count as fixed."""
    k = len(values)
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(k))
    reach = _quantile((1 + LEVEL) / 2, k - 1) * error
    p = 2 * _tail(abs(mean) / error, k - 1) if error > 0 else float(mean == 0)
    return Estimate(mean, mean - reach, mean + reach, error, k - 1.0, p, detectable(error, k - 1.0))


def detectable(error: float, degrees: float) -> float:
    """Smallest true difference shown with 80 % power at the 5 % level: ``(t_0.975 + t_0.8) standard errors``."""
    return (_quantile((1 + LEVEL) / 2, degrees) + _quantile(POWER, degrees)) * error


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): controls the chance of any false claim in the family."""
    order = np.argsort(ps, kind="stable")
    factors = len(ps) - np.arange(len(ps))
    adjusted = np.minimum(np.maximum.accumulate(np.asarray(ps, dtype=float)[order] * factors), 1.0)
    result = np.empty(len(ps))
    result[order] = adjusted
    return result.tolist()


def _stretched(means: Array, error: float, degrees: float) -> tuple[float, float]:
    """Quantiles of the bootstrap distribution around its mean, stretched to the standard error and Student's tails."""
    spread = means.std()
    if error == 0.0 or spread == 0.0:
        return 0.0, 0.0
    tails = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    expansion = _quantile(tails[1], degrees) / ndtri(tails[1])
    low, high = np.quantile((means - means.mean()) / spread, tails) * error * expansion
    return float(low), float(high)


def _quantile(probability: float, degrees: float) -> float:
    """Student's, from scipy.special: scipy.stats takes a millisecond a call, and wide tables make thousands."""
    return float(ndtri(probability) if np.isinf(degrees) else stdtrit(degrees, probability))


def _tail(value: float, degrees: float) -> float:
    """Student's chance of more than ``value``."""
    return float(stdtr(degrees, -value))
