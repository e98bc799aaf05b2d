"""What a tuning with fewer trials would have given: unbiased estimates from the trials that were run.

N trials of random search are independent draws, so any n of them are a tuning of n trials. The mean over all C(N, n)
choices, a U-statistic, is unbiased for what a tuning of n trials gives (Tang et al. 2020, arXiv 2004.14164). Draws
with replacement (Dodge et al. 2019, arXiv 1909.03004) would be too low by some tenths of a point at 12 to 20 trials.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def expected_best(scores: Sequence[float], lower_is_better: bool = False) -> list[float]:
    """The expected best score of n trials, for n = 1 .. N."""
    return expected_of_winner(scores, scores, lower_is_better)


def expected_of_winner(scores: Sequence[float], other: Sequence[float], lower_is_better: bool = False) -> list[float]:
    """The expected other score of the winner of n trials, for n = 1 .. N.

    Args:
        scores: that the winner is picked by; of equal ones the earliest wins.
        other: of the same trials; what is reported of the winner.
        lower_is_better: whether the winner has the lowest score.
    """
    ordered = by_rank(scores, other, lower_is_better)
    return [float(weights(len(ordered), n) @ ordered) for n in range(1, len(ordered) + 1)]


def winner_of(n: int, ordered: Array) -> tuple[float, float]:
    """The expected value of the winner of n trials, and its jackknife standard error.

        theta_n = sum_i d_(i) [C(i, n) - C(i - 1, n)] / C(N, n)

    The square of the error is (N - 1) / N times the sum of squares of the N values that leave one trial out.

    Args:
        n: trials of a tuning, below N.
        ordered: (N,) what is reported of each trial, in the order of what the winner is picked by, the best last.
    """
    size = len(ordered)
    without = weights(size - 1, n)
    below = np.concatenate([[0.0], np.cumsum(without * ordered[:-1])])  # of the trials before the one left out
    above = np.concatenate([np.cumsum((without * ordered[1:])[::-1])[::-1], [0.0]])
    left_out = below + above
    square = (size - 1) / size * ((left_out - left_out.mean()) ** 2).sum()
    return float(weights(size, n) @ ordered), float(square**0.5)


def by_rank(scores: Sequence[float], other: Sequence[float], lower_is_better: bool) -> Array:
    """The other scores in the order of the scores, the winner's last."""
    sign = -1 if lower_is_better else 1
    order = sorted(range(len(scores)), key=lambda trial: (sign * scores[trial], -trial))
    return np.array([other[trial] for trial in order], dtype=np.float64)


def weights(size: int, n: int) -> Array:
    """(N,) the chance of each rank to be the winner of n trials of N: ``C(i - 1, n - 1) / C(N, n)``."""
    found = np.zeros(size)
    chance = n / size
    for rank in range(size, n - 1, -1):
        found[rank - 1] = chance
        chance *= (rank - n) / (rank - 1) if rank > 1 else 0.0
    return found
