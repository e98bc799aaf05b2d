"""Many comparisons at once: p-values and intervals that hold for all of them together.

From draws of what all estimates would have been with other seeds and other examples follows how the smallest of m
p-values is distributed if no difference is real (Westfall and Young 1993, max-t). ``adjusted`` maps a p-value to the
chance that the smallest is as small; ``level`` is the p-value that is mapped to 5 %. Intervals at 1 - level cover all
differences at once in 95 %, and an interval leaves out 0 if, and only if, its adjusted p is below 5 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from src.compare.statistics.crossed import ALPHA
from src.compare.statistics.features import Array

FEWEST = 0.01  # share of the draws below which it is too rough, and the bound m p takes its place


@dataclass(frozen=True)
class Family:
    """``size`` comparisons; ``smallest`` (R,) is sorted: the smallest p-value of each draw."""

    size: int
    smallest: Array

    def adjusted(self, p: float) -> float:
        """The chance of a p-value as small among all, never below p, never above ``size * p``."""
        if self.size == 1 or not len(self.smallest):
            return min(1.0, self.size * p)
        below = int(np.searchsorted(self.smallest, p, side="right"))
        share = max(below / len(self.smallest), FEWEST)
        return float(min(1.0, self.size * p, max(p, share)))

    def level(self, alpha: float = ALPHA) -> float:
        """The largest p-value whose adjusted one is at most alpha."""
        low, high = alpha / self.size, alpha
        if self.adjusted(high) <= alpha:
            return high
        while high - low > 1e-12:
            middle = (low + high) / 2
            low, high = (middle, high) if self.adjusted(middle) <= alpha else (low, middle)
        return low


def family(scores: Array, two_sided: bool = True) -> Family:
    """The family of m comparisons.

    Args:
        scores: (R, m) draws of the estimates under no difference, each column of mean 0; its spread is divided out.
        two_sided: whether a large negative score counts as much as a large positive one.
    """
    spread = np.sqrt((scores**2).mean(0))
    scores = scores[:, spread > 0] / spread[spread > 0]
    if not scores.size:
        return Family(max(1, len(spread)), np.empty(0))
    largest = np.abs(scores).max(1) if two_sided else scores.max(1)
    return Family(len(spread), np.sort((1 + two_sided) * ndtr(-largest)))


def holm(ps: list[float]) -> list[float]:
    """Holm's step-down adjustment (1979): controls the chance of any false claim in the family."""
    order = np.argsort(ps, kind="stable")
    factors = len(ps) - np.arange(len(ps))
    adjusted = np.minimum(np.maximum.accumulate(np.asarray(ps, dtype=float)[order] * factors), 1.0)
    result = np.empty(len(ps))
    result[order] = adjusted
    return result.tolist()


def holm_levels(ps: list[float], alpha: float = ALPHA) -> list[float]:
    """The level that Holm's procedure holds each p-value against: it is rejected if, and only if, it is at most that.

    ``alpha / j`` with j hypotheses left; the first that stands stops the procedure, and those behind it share its
    level.
    """
    found = [0.0] * len(ps)
    left, stopped = len(ps), False
    for place in np.argsort(ps, kind="stable"):
        found[place] = alpha / left
        stopped = stopped or ps[place] > alpha / left
        left -= not stopped
    return found
