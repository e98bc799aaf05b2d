"""An exact band for a tuning curve (Lourie, Cho & He 2024, arXiv 2311.09480).

The best of n trials lies below v with the probability F(v)^n, where F is the distribution of one trial's score. Its
median is therefore the quantile ``F^-1(0.5^(1/n))``, for every n at once. So a band that holds all of F with 95 % holds
the whole curve of medians with 95 %, whatever F is. (Resampling trials gives no such band: it knows no score above the
best that was seen, and its intervals cover in half of the cases where they matter.)

F at the i-th smallest of N scores is distributed as the i-th smallest of N uniform numbers, Beta(i, N + 1 - i). The
band takes the same two tails of each of these, as small as it takes for all to hold together.
"""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaln

Array = NDArray[np.float64]
LEVEL = 0.95
MOST = 2000  # trials up to which the level is computed; of more the later ones are left out


def median_band(
    scores: Sequence[float], lower_is_better: bool = False
) -> tuple[list[float | None], list[float | None]]:
    """Lower and upper limits for the median of the best of n trials, for n = 1 .. N.

    None where the trials set no limit: towards better scores that is so from about N / 9 on, since the best of many
    trials may be better than anything seen.

    Args:
        scores: of independent trials.
        lower_is_better: whether the best is the lowest.
    """
    sign = -1 if lower_is_better else 1
    ordered = np.sort(sign * np.asarray(scores, dtype=np.float64)[:MOST])
    size = len(ordered)
    below, above = order_limits(size)
    worse: list[float | None] = []
    better: list[float | None] = []
    for n in range(1, len(scores) + 1):
        share = 0.5 ** (1 / n)
        passed = int((above < share).sum())  # scores that certainly lie below the quantile
        reached = int((below < share).sum())  # the first score that certainly lies above it
        worse.append(sign * float(ordered[passed - 1]) if passed else None)
        better.append(sign * float(ordered[reached]) if reached < size else None)
    return (better, worse) if lower_is_better else (worse, better)


@functools.cache
def order_limits(size: int) -> tuple[Array, Array]:
    """(N,) limits that hold all N ordered uniform numbers with 95 %."""
    low, high = 0.0, 1 - LEVEL  # of each one's two tails together
    for _ in range(40):
        tail = (low + high) / 2
        low, high = (tail, high) if chance_within(*_tails(size, tail)) > LEVEL else (low, tail)
    return _tails(size, low)


def _tails(size: int, tail: float) -> tuple[Array, Array]:
    rank = np.arange(1, size + 1)
    return betaincinv(rank, size + 1 - rank, tail / 2), betaincinv(rank, size + 1 - rank, 1 - tail / 2)


def chance_within(below: Array, above: Array) -> float:
    """How likely N ordered uniform numbers all lie within their limits, exactly.

    They are a Poisson process of rate N, given N points. Along all limits the number of points so far is followed: at
    the i-th upper limit there are i at least, at the i-th lower one less than i.

    Args:
        below: (N,) lower limits, rising.
        above: (N,) upper limits, rising.
    """
    size = len(below)
    limits = [(float(point), True, rank) for rank, point in enumerate(above, start=1)]
    limits += [(float(point), False, rank) for rank, point in enumerate(below, start=1)]
    first, chances, time = 0, np.ones(1), 0.0  # of `first` points, and of more, at `time`
    for point, is_upper, rank in sorted(limits):
        chances = np.convolve(chances, _poisson(size * (point - time), size - first))[: size + 1 - first]
        time = point
        if is_upper and rank > first:
            chances, first = chances[rank - first :], rank
        elif not is_upper:
            chances = chances[: max(rank - first, 0)]
        if not len(chances):
            return 0.0
    chances = np.convolve(chances, _poisson(size * (1 - time), size - first))
    return float(chances[size - first] / np.exp(size * np.log(size) - size - gammaln(size + 1)))


def _poisson(mean: float, most: int) -> Array:
    """The chances of 0 .. ``most`` points, without the tail that is nothing in double precision."""
    if mean <= 0:
        return np.ones(1)
    count = np.arange(min(most, int(mean + 12 * mean**0.5 + 30)) + 1)
    return np.exp(count * np.log(mean) - mean - gammaln(count + 1))
