"""Seeds until it is decided: looking several times while seeds are added, at 5 % over all looks together.

Whoever looks at 3, 5, 7 and 10 seeds at 5 % each, and stops at the first difference shown, errs in 10 to 14 % of
cases. A plan fixed beforehand gives every look a level of its own (Jennison and Turnbull 2000). The looks share their
examples, so the increments between them are not independent and the usual tables do not hold; nor does Student's t with
few seeds. The levels come from a simulation over the seeds' share of the variance, with the standard error of
`crossed`, and hold in its worst case:

early    level_j = c (k_j / k_last)^1.5: stops soon where the difference is large, at some cost in power
late     z_j = c (k_last / k_j)^0.5, as O'Brien and Fleming (1979): nearly the whole 5 % is left for the last look
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from src.compare.statistics.crossed import ALPHA, FLOOR, MIN_SEEDS, Error, quantile
from src.compare.statistics.features import Array
from src.utils.errors import UserError

Kind = Literal["early", "late"]
Decision = Literal["difference", "equivalent", "futile", "go on", "undecided"]
SHARES = (0.0, 0.1, 0.3, 0.6, 0.9)  # of the seeds in the variance at the last look
RESTS = (0.01, 0.3, 0.8)  # of what is left, what is neither the seeds' nor the examples' alone
POWER = 1.5  # of the early levels
DRAWS = 40_000
HOPELESS = 0.1  # chance of a difference at the last look, below which going on is futile


def levels(looks: Sequence[int], comparisons: int = 1, kind: Kind = "early", alpha: float = ALPHA) -> tuple[float, ...]:
    """The two-sided level of each look, at which all looks and comparisons together err in at most alpha.

    Args:
        looks: numbers of seeds at which the runs are compared, increasing, from 3.
        comparisons: among which alpha is divided evenly.
        kind: how the looks share alpha, see the module's docstring.
        alpha: of all looks and comparisons together.

    Raises:
        UserError: for looks that do not increase from 3, or less than one comparison.
    """
    if not looks or looks[0] < MIN_SEEDS or any(b <= a for a, b in pairwise(looks)):
        raise UserError(f"looks={list(looks)}: expected numbers of seeds that increase, the first at least {MIN_SEEDS}")
    if comparisons < 1:
        raise UserError(f"comparisons={comparisons}: expected at least 1")
    return tuple(level / comparisons for level in _levels(tuple(looks), kind, alpha))


@lru_cache(maxsize=32)
def _levels(looks: tuple[int, ...], kind: Kind, alpha: float) -> tuple[float, ...]:
    share = np.array(looks) / looks[-1]
    worst = [_bound(ps, share, kind, alpha) for ps in _null_ps(looks)]
    if kind == "early":
        return tuple((min(worst) * share**POWER).tolist())
    return tuple((2 * ndtr(-max(worst) / np.sqrt(share))).tolist())


def _bound(ps: Array, share: Array, kind: Kind, alpha: float) -> float:
    """c at which a share alpha of the (N, looks) p-values crosses the levels at some look."""
    if kind == "early":
        return float(np.quantile((ps / share**POWER).min(1), alpha))
    return float(np.quantile((-ndtri(ps / 2) * np.sqrt(share)).max(1), 1 - alpha))


def _null_ps(looks: tuple[int, ...]) -> list[Array]:
    """(N, looks) p-values without a difference, for each make-up of the variance."""
    rng = np.random.default_rng(0)
    examples = rng.normal(size=DRAWS)
    seeds = rng.normal(size=(DRAWS, looks[-1]))
    return [_ps(examples, seeds, looks, share, rest) for share in SHARES for rest in RESTS]


def _ps(examples: Array, seeds: Array, looks: tuple[int, ...], share: float, rest: float) -> Array:
    """p-values as `crossed` has them; with many examples the mean squares but the seeds' are known."""
    last = looks[-1]
    example, noise, between = (1 - share) * (1 - rest), (1 - share) * rest * last, share * last
    scores = seeds * np.sqrt(between + noise)
    columns = []
    for k in looks:
        mean = np.sqrt(example) * examples + scores[:, :k].mean(1)
        square = scores[:, :k].var(1, ddof=1)
        m, e = np.maximum(square, noise), k * example
        d = (k - 1) * np.where(square < noise, FLOOR, 1)
        cautious = m * (d + 2) / d
        degrees = d * ((cautious + e) / cautious) ** 2
        columns.append(2 * stdtr(degrees, -np.abs(mean) / np.sqrt((m + e) / k)))
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Plan:
    """A stopping rule that is fixed before the first seed.

    Attributes:
        looks: numbers of seeds at which the runs are compared.
        comparisons: how many differences are judged at each look.
        kind: how the looks share the 5 %.
    """

    looks: tuple[int, ...]
    comparisons: int = 1
    kind: Kind = "early"

    @property
    def levels(self) -> tuple[float, ...]:
        """Of each look and each comparison."""
        return levels(self.looks, self.comparisons, self.kind)

    def level(self, seeds: int) -> float:
        """Of the look at so many seeds.

        Raises:
            UserError: if there is none.
        """
        if seeds not in self.looks:
            raise UserError(f"{seeds} seeds: no look of the plan; looks: {', '.join(map(str, self.looks))}")
        return self.levels[self.looks.index(seeds)]

    def adjusted(self, p: float, seeds: int) -> float:
        """A comparison's p at a look, such that 5 % is where the plan stops."""
        return min(1.0, p * ALPHA / self.level(seeds))

    def decide(self, difference: float, error: Error, seeds: int, p_equivalent: float | None = None) -> Decision:
        """Whether a row is done with at a look.

        Equivalence is looked for with the same care as a difference. Futility binds nobody: whoever goes on keeps the
        5 %.
        """
        if error.p(difference) <= self.level(seeds):
            return "difference"
        if p_equivalent is not None and self.adjusted(p_equivalent, seeds) <= ALPHA:
            return "equivalent"
        if seeds == self.looks[-1]:
            return "undecided"
        return "futile" if self.chance(difference, error, seeds) < HOPELESS else "go on"

    def chance(self, difference: float, error: Error, seeds: int) -> float:
        """That the last look shows a difference, if what was found so far is the truth."""
        last = self.looks[-1]
        variance = error.limit**2 + max(error.standard_error**2 - error.limit**2, 0.0) * seeds / last
        if variance == 0.0:
            return float(difference != 0.0)
        score = abs(difference) / np.sqrt(variance)
        critical = quantile(1 - self.levels[-1] / 2, max(error.degrees, last - 1.0))
        return float(ndtr(score - critical) + ndtr(-score - critical))

    def sentence(self, seeds: int) -> str:
        """What belongs beside a verdict that was reached by the plan."""
        number = len(self.looks)
        return (
            f"Stopped after {seeds} of at most {self.looks[-1]} seeds, by the plan fixed beforehand; "
            f"p is adjusted for {number} look{'s' * (number > 1)}."
        )
