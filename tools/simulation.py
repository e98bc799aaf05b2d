"""Tables of runs whose truth is known, and how often a comparison of them errs.

Item response theory makes the runs: example j has a difficulty and a discrimination, method m an ability and a liking
for some examples, and a seed moves the ability. With ``eta = a_j (ability_m + seed_mk - b_j) + liking_mj`` a run is
right with chance ``1 / (1 + exp(-eta))``. Difficulties are skewed (Gumbel), likings and seeds have heavy tails
(Student, Laplace), so nothing here is the normal model that the formulas have in mind.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.special import expit

from src.compare.statistics.crossed import ALPHA, mean_squares, tail
from src.compare.statistics.joint import holm
from src.compare.statistics.rows import Rows, Scored

Array = np.ndarray
RESAMPLES = 1_000
LIKING = 1.1  # spread of what a method likes
ABILITY = 1.8
MANY = 200_000  # examples that stand for all there are


@dataclass(frozen=True)
class Cell:
    """What is simulated: so many methods, seeds and examples; ``share`` of the error of a difference is the seeds'.

    ``unstable`` is the place of a method whose seeds vary four times as much, ``worse`` of one that is really worse,
    by so many standard errors as ``by`` says.
    """

    methods: int
    seeds: int
    share: float
    examples: int = 300
    unstable: int | None = None
    worse: int | None = None
    by: float = 0.0


def answers(rng: np.random.Generator, abilities: Array, seeds: int, examples: int, spread: Array | float) -> Array:
    """(M, k, n): which run gives a right answer to which example."""
    m = len(abilities)
    discrimination = rng.lognormal(0, 0.3, examples)
    difficulty = rng.gumbel(-0.577, 1.0, examples)
    liking = rng.standard_t(6, (m, 1, examples)) * LIKING / np.sqrt(1.5)
    moved = rng.laplace(0, np.sqrt(0.5), (m, seeds)) * np.broadcast_to(spread, m)[:, None]
    eta = discrimination * ((abilities[:, None] + moved)[..., None] - difficulty) + liking
    return (rng.random((m, seeds, examples)) < expit(eta)).astype(np.float64)


@cache
def constants() -> tuple[float, float, float]:
    """Accuracy gained by a unit of ability, and the examples' and the rest's variance of one method's answers."""
    shifted = answers(np.random.default_rng(1), np.array([ABILITY, ABILITY + 0.1]), 2, MANY, 0.0).mean((1, 2))
    same = answers(np.random.default_rng(2), np.full(2, ABILITY), 2, MANY, 0.0)
    found = mean_squares(same[0] - same[1])
    return float(shifted[1] - shifted[0]) / 0.1, found.excess / 4, found.rest / 2


def tables(cell: Cell, number: int, seed: int = 0) -> Iterator[tuple[Array, float]]:
    """Tables of answers, and by how much the ``worse`` method is worse in truth (0: all are equal)."""
    slope, example, rest = constants()
    rng = np.random.default_rng([seed, cell.methods, cell.seeds, int(100 * cell.share), cell.examples])
    fixed = example / cell.examples + rest / (cell.seeds * cell.examples)
    spread = np.full(cell.methods, np.sqrt(cell.share / (1 - cell.share) * fixed * cell.seeds) / slope)
    if cell.unstable is not None:
        spread[cell.unstable] *= 4
    abilities = np.full(cell.methods, ABILITY)
    if cell.worse is not None:
        abilities[cell.worse] -= cell.by * np.sqrt(2 * fixed / (1 - cell.share)) / slope
    truth = 0.0 if cell.worse is None else _gap(float(abilities[cell.worse]), float(spread[cell.worse]))
    for _ in range(number):
        yield answers(rng, abilities, cell.seeds, cell.examples, spread), truth


@cache
def _gap(ability: float, spread: float) -> float:
    """The true difference in accuracy to a method of the common ability with the same spread of seeds."""
    seeds = 20
    rng = np.random.default_rng(3)
    found = [answers(rng, np.array([ability, ABILITY]), seeds, 2_000, spread).mean((1, 2)) for _ in range(200)]
    return float(np.mean([one[0] - one[1] for one in found]))


def judged(hits: Array, weights: Array, seed: int = 0) -> Rows:
    """A table as `compare` judges it; the first method is the baseline.

    Args:
        hits: (M, k, n).
        weights: (R, n) how often each example is drawn.
        seed: of the joint draws.
    """
    drawn = weights @ hits.mean(1).T / hits.shape[2]
    scored = [
        Scored(dict(enumerate(table.mean(1))), table, column) for table, column in zip(hits, drawn.T, strict=True)
    ]
    return Rows(scored, resamples=len(weights), seed=seed)


def resampled(examples: int, resamples: int = RESAMPLES) -> Array:
    """(R, n) counts of how often each example is drawn."""
    return np.random.default_rng(4).multinomial(examples, np.full(examples, 1 / examples), resamples).astype(float)


def plain_ps(hits: Array) -> list[float]:
    """The unmoderated p-values against the first method, before Holm: Hillis's variance without floor and pooling."""
    found = []
    for table in hits[1:]:
        squares = mean_squares(table - hits[0])
        m, k = squares.seed, squares.seeds
        error = np.sqrt((m + squares.excess) / (k * squares.examples))
        cautious = m * (k + 1) / (k - 1)
        degrees = (k - 1) * ((cautious + squares.excess) / cautious) ** 2 if m > 0 else np.inf
        gap = abs(float((table - hits[0]).mean()))
        found.append(2 * tail(gap / error, degrees) if error > 0 else float(gap == 0))
    return found


@dataclass
class Counts:
    """What became of a cell's tables without a difference, and of as many with one; all are shares of tables.

    Attributes:
        tables: how many there were of either.
        false_claim: a difference is shown that is none.
        unmoderated: likewise without floor and moderation, with Holm's adjustment.
        covered: with a difference, all simultaneous intervals hold the truth.
        power: the difference of the worse method is shown.
        power_unmoderated: likewise without floor and moderation, at the level that errs as often as ``false_claim``.
        best_kept: a method that is as good as the best is in the confidence set of the best.
        set_size: methods in that set, of equal ones.
    """

    tables: int
    false_claim: float
    unmoderated: float
    covered: float
    power: float
    power_unmoderated: float
    best_kept: float
    set_size: float


def run(cell: Cell, number: int, seed: int = 0, by: float = 3.5) -> Counts:
    """Simulate a cell: tables of equal methods, and tables whose last method is worse by so many standard errors."""
    weights = resampled(cell.examples)
    wrong = plain_wrong = covered = power = kept = size = 0
    smallest, of_worse = [], []
    for hits, _ in tables(cell, number, seed):
        rows = judged(hits, weights)
        wrong += any(p <= ALPHA for p in rows.against(0).adjusted.values())
        plain = plain_ps(hits)
        smallest.append(min(plain))
        plain_wrong += min(holm(plain)) <= ALPHA
        tied = rows.tied()
        kept += tied[1]
        size += sum(tied.values())
    last = cell.methods - 1
    for hits, truth in tables(replace(cell, worse=last, by=by), number, seed + 1):
        found = judged(hits, weights).against(0)
        covered += all(e.low <= (truth if i == last else 0.0) <= e.high for i, e in found.estimates.items())
        power += found.adjusted[last] <= ALPHA
        of_worse.append(plain_ps(hits)[-1])
    equal = float(np.mean(np.array(of_worse) <= np.quantile(smallest, wrong / number)))
    shares = [count / number for count in (wrong, plain_wrong, covered, power)]
    return Counts(number, *shares, equal, kept / number, size / number)
