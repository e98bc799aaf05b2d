"""The variance of a mean over seeds and examples, both of which could have come out differently.

A score varies for two reasons: another seed would have trained another model, and another sample of examples would have
judged it differently. Every seed sees every example, so the two are crossed, and the variance of a mean over k seeds
and n examples is estimated as for readers and cases in radiology (Hillis 2007, doi:10.1002/sim.2532) from the mean
squares of the (k, n) table (for Matthews, F1 or Pearson: of pseudo-values):

    v = (m + e) / (k n),   e = max(MS_example - MS_rest, 0),   m = max(MS_seed, MS_rest)

As E[MS_seed] is at least E[MS_rest], an MS_seed below MS_rest is chance. With the floor v is never below what the
examples alone give, ``MS_example / (k n)``. Seeds are few, so v counts with Student's quantile at

    df = d ((F m + e) / (F m))^2,   F = (d + 2) / d

where d are the degrees of freedom of m: k - 1, or more where m was moderated over a table's rows (`moderation`). F is
not Satterthwaite's: a small m, which chance often gives with 3 or 4 seeds, would claim too many degrees. Where MS_rest
is the larger one, it is known to (k - 1)(n - 1) degrees, and what is not known is whether seeds add to it: d counts
8 times then. Without that a lone comparison of 3 seeds that do not differ errs in 0.2 % of cases for 5 %, with it in
2.6 %; simulated with shares of the seeds from 0 to 0.9, it stays below 5.8 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from src.compare.statistics.features import Array

MIN_SEEDS = 3  # fewer support no claim
LEVEL = 0.95
ALPHA = 1 - LEVEL
FLOOR = 8  # times the degrees of freedom where the floor MS_rest takes the place of the seeds' mean square


@dataclass(frozen=True)
class Error:
    """The standard error of a mean, with its degrees of freedom.

    ``limit`` is the standard error that is left with infinitely many seeds on the same examples.
    """

    standard_error: float
    degrees: float
    limit: float

    def p(self, difference: float) -> float:
        """Two-sided, by Student's tails."""
        if self.standard_error == 0.0:
            return 1.0 if difference == 0.0 else 0.0
        return 2 * tail(abs(difference) / self.standard_error, self.degrees)

    def reach(self, alpha: float = ALPHA) -> float:
        """Half the width of the two-sided interval that leaves out ``alpha``."""
        return quantile(1 - alpha / 2, self.degrees) * self.standard_error


@dataclass(frozen=True)
class MeanSquares:
    """Of a (seeds, examples) table: between seeds, between examples, and what is left."""

    seed: float
    example: float
    rest: float
    seeds: int
    examples: int

    @property
    def excess(self) -> float:
        return max(self.example - self.rest, 0.0)

    def error(self, seed: float | None = None, degrees: float | None = None) -> Error:
        """The standard error of the mean.

        Args:
            seed: the seeds' mean square where others than the table's own seeds speak for it, too.
            degrees: its degrees of freedom; default: those of the table's seeds.
        """
        size = self.seeds * self.examples
        between = self.seed if seed is None else seed
        d = self.seeds - 1 if degrees is None else degrees
        m = max(between, self.rest)
        d *= FLOOR if between < self.rest else 1
        cautious = m if np.isinf(d) else m * (d + 2) / d
        df = d * ((cautious + self.excess) / cautious) ** 2 if m > 0 else np.inf
        return Error(float(np.sqrt((m + self.excess) / size)), float(df), float(np.sqrt(self.excess / size)))


def mean_squares(table: Array) -> MeanSquares:
    """The mean squares of a (seeds, examples) table with at least two of either."""
    k, n = table.shape
    grand, seeds, examples = table.mean(), table.mean(1), table.mean(0)
    rest = table - seeds[:, None]
    rest -= examples - grand
    return MeanSquares(
        seed=float(n * ((seeds - grand) ** 2).sum() / (k - 1)),
        example=float(k * ((examples - grand) ** 2).sum() / (n - 1)),
        rest=float(np.vdot(rest, rest) / ((k - 1) * (n - 1))),
        seeds=k,
        examples=n,
    )


def pairwise_mean_squares(tables: Array) -> Array:
    """(3, M, M) seed, example and rest of the mean squares of every difference of two of (M, k, n) tables.

    From products of all tables with each other: a hundred rows have five thousand pairs.
    """
    m, k, n = tables.shape
    tables = tables - tables.mean((1, 2), keepdims=True)
    seed = n * _square_distances(tables.mean(2))
    example = k * _square_distances(tables.mean(1))
    total = _square_distances(tables.reshape(m, k * n))
    rest = np.maximum(total - seed - example, 0.0)
    return np.stack([seed / (k - 1), example / (n - 1), rest / ((k - 1) * (n - 1))])


def _square_distances(rows: Array) -> Array:
    products = rows @ rows.T
    own = products.diagonal()
    return np.maximum(own[:, None] + own - 2 * products, 0.0)


def seeds_alone(values: Array) -> Error:
    """Where the predictions are missing, the examples count as fixed and the seeds alone as drawn."""
    k = len(values)
    return Error(float(values.std(ddof=1) / np.sqrt(k)), k - 1.0, 0.0)


def quantile(probability: float, degrees: float) -> float:
    """Student's, from scipy.special: scipy.stats takes a millisecond a call, and wide tables make thousands."""
    return float(ndtri(probability) if np.isinf(degrees) else stdtrit(degrees, probability))


def tail(value: float, degrees: float) -> float:
    """Student's chance of more than ``value``."""
    return float(stdtr(degrees, -value))
