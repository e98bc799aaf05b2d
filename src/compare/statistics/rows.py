"""The configurations of a table, judged together: means, differences to a baseline, which are tied with the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from src.compare.statistics.crossed import (
    ALPHA,
    MIN_SEEDS,
    Error,
    MeanSquares,
    mean_squares,
    pairwise_mean_squares,
    seeds_alone,
    tail,
)
from src.compare.statistics.estimate import Estimate, difference_estimate, mean_estimate
from src.compare.statistics.features import Array
from src.compare.statistics.joint import family
from src.compare.statistics.moderation import Moderated, moderate
from src.compare.statistics.scales import PLAIN, Transformation


@dataclass(frozen=True)
class Scored:
    """One configuration.

    Attributes:
        values: the metric by seed.
        table: (k, n) pseudo-values in the order of ``values``; None where predictions are missing.
        drawn: (R,) its mean on resampled examples, the same draws for all; None likewise.
    """

    values: Mapping[int, float]
    table: Array | None = None
    drawn: Array | None = None

    @cached_property
    def mean(self) -> float:
        return float(np.mean(list(self.values.values())))

    def at(self, seeds: Sequence[int]) -> tuple[Array, Array | None]:
        """Values and pseudo-values of some seeds."""
        places = {seed: place for place, seed in enumerate(self.values)}
        values = np.array([self.values[seed] for seed in seeds])
        return values, None if self.table is None else self.table[[places[seed] for seed in seeds]]


@dataclass(frozen=True)
class Against:
    """Differences to a baseline by configuration, and their adjusted p-values.

    ``level`` is the p-value of one comparison at which its adjusted one is alpha.
    """

    estimates: Mapping[int, Estimate] = field(default_factory=dict)
    adjusted: Mapping[int, float] = field(default_factory=dict)
    level: float = ALPHA


@dataclass(frozen=True)
class Rows:
    """Configurations with at least three seeds each, on the same examples.

    Args:
        scored: the configurations.
        scale: of the metric.
        resamples: number R of joint draws.
        seed: of the draws.
    """

    scored: Sequence[Scored]
    scale: Transformation = PLAIN
    resamples: int = 2_000
    seed: int = 0
    _errors: dict[tuple[int, int], Error] = field(default_factory=dict, repr=False)

    @cached_property
    def core(self) -> tuple[list[int], list[int]]:
        """The configurations whose seeds are moderated together, and the seeds that they share."""
        members = [i for i, entry in enumerate(self.scored) if entry.table is not None]
        while len(members) > 1:
            shared = set.intersection(*(set(self.scored[i].values) for i in members))
            if len(shared) >= MIN_SEEDS:
                return members, sorted(shared)
            rare = [sum(len(self.scored[i].values.keys() & self.scored[j].values.keys()) for j in members)
                    for i in members]  # fmt: skip
            del members[int(np.argmin(rare))]
        return [], []

    @cached_property
    def moderated(self) -> tuple[dict[int, int], Moderated | None]:
        """The place of each member of the core, and its mean squares."""
        members, seeds = self.core
        if not members:
            return {}, None
        tables = [self.scored[i].at(seeds)[1] for i in members]
        means = np.stack([table.mean(1) for table in tables if table is not None])
        size = next(table.shape[1] for table in tables if table is not None)
        return {i: place for place, i in enumerate(members)}, moderate(means, size)

    def mean(self, i: int) -> Estimate:
        """A configuration's mean with its interval."""
        entry = self.scored[i]
        examples = 0 if entry.table is None else entry.table.shape[1]
        draws = entry.mean + self.draws[:, i]
        return mean_estimate(entry.mean, self.error(i), draws, self.scale, examples)

    def error(self, i: int) -> Error:
        """The standard error of a configuration's mean."""
        entry = self.scored[i]
        if entry.table is None:
            return seeds_alone(np.array(list(entry.values.values())))
        found = mean_squares(entry.table)
        places, moderated = self.moderated
        if i in places and moderated is not None:
            square, degrees = moderated.of(places[i])
            if square > found.seed:
                return found.error(square, degrees)
        return found.error()

    def difference(self, i: int, j: int) -> tuple[float, Error] | None:
        """The difference ``i - j`` over the seeds of both; None if they are fewer than three."""
        a, b = self.scored[i].values, self.scored[j].values
        seeds = sorted(a.keys() & b.keys())
        if len(seeds) < MIN_SEEDS:
            return None
        key = (min(i, j), max(i, j))
        if key not in self._errors:
            self._errors[key] = self._error(i, j, seeds)
        return sum(a[seed] - b[seed] for seed in seeds) / len(seeds), self._errors[key]

    def _error(self, i: int, j: int, seeds: Sequence[int]) -> Error:
        found = self._mean_squares(i, j)
        if found is None:
            (a, ours), (b, theirs) = self.scored[i].at(seeds), self.scored[j].at(seeds)
            if ours is None or theirs is None:
                return seeds_alone(a - b)
            found = mean_squares(ours - theirs)
        places, moderated = self.moderated
        if moderated is not None and i in places and j in places:
            return found.error(*moderated.between(places[i], places[j]))
        return found.error()

    def _mean_squares(self, i: int, j: int) -> MeanSquares | None:
        """Of the difference of two configurations that have the core's seeds and no others."""
        places, squares = self._pairs
        if i not in places or j not in places:
            return None
        seed, example, rest = (float(found) for found in squares[:, places[i], places[j]])
        table = self.scored[i].table
        assert table is not None
        return MeanSquares(seed, example, rest, *table.shape)

    @cached_property
    def _pairs(self) -> tuple[dict[int, int], Array]:
        members, seeds = self.core
        tables = {i: self.scored[i].table for i in members if list(self.scored[i].values) == seeds}
        stacked = np.stack([table for table in tables.values() if table is not None]) if tables else np.empty((0, 2, 2))
        return {i: place for place, i in enumerate(tables)}, pairwise_mean_squares(stacked)

    @cached_property
    def draws(self) -> Array:
        """(R, M) what each mean would have been off by, with other seeds and the same other examples for all.

        The examples' part is the metric recomputed on resampled examples. The seeds' part is normal: three seeds
        have too few resamples of their own, and lie in a plane that many rows do not share.
        """
        rng = np.random.default_rng([self.seed, 1])
        found = rng.normal(size=(self.resamples, len(self.scored)))
        for i, entry in enumerate(self.scored):
            error = self.error(i).standard_error
            if entry.drawn is None:
                found[:, i] *= error
                continue
            examples = entry.drawn - entry.drawn.mean()
            found[:, i] *= np.sqrt(max(error**2 - float(examples.var()), 0.0))
            found[:, i] += examples
        return found

    def against(self, reference: int, alpha: float = ALPHA) -> Against:
        """Every difference to the reference that can be judged, with simultaneous intervals that leave out alpha."""
        found = {i: gap for i in range(len(self.scored)) if i != reference and (gap := self.difference(i, reference))}
        if not found:
            return Against()
        together = family(self.draws[:, list(found)] - self.draws[:, [reference]])
        level = together.level(alpha)
        estimates = {
            i: difference_estimate(gap, error, level, alpha / together.size, self.scale)
            for i, (gap, error) in found.items()
        }
        ps = {i: together.adjusted(error.p(gap)) for i, (gap, error) in found.items()}
        return Against(estimates, ps, level)

    def tied(self, lower_is_better: bool = False) -> dict[int, bool]:
        """Which configurations may be the best: the confidence set of Gupta and Hsu (Hsu 1996, chapter 4).

        A configuration is out if some other is shown to be better than it, at a level that holds for all the others
        together. The best of all, whichever it is, is in the set in 95 % of tables. Who cannot be compared with the
        leader over three common seeds is not in the answer.
        """
        sign = -1 if lower_is_better else 1
        order = sorted(range(len(self.scored)), key=lambda i: -sign * self.scored[i].mean)
        able = [i for i in order if i == order[0] or self.difference(i, order[0])]
        return {i: self._may_be_best(i, able, sign) for i in able} if len(able) > 1 else {}

    def _may_be_best(self, i: int, able: Sequence[int], sign: int) -> bool:
        rivals: list[int] = []
        smallest = 1.0
        for j in able:
            if j != i and (gap := self.difference(j, i)):
                rivals.append(j)
                smallest = min(smallest, _one_sided(sign * gap[0], gap[1]))
                if smallest * (len(able) - 1) <= ALPHA:
                    return False
        if smallest > ALPHA:
            return True
        drawn = sign * (self.draws[:, rivals] - self.draws[:, [i]])
        return family(drawn, two_sided=False).adjusted(smallest) > ALPHA


def _one_sided(difference: float, error: Error) -> float:
    if error.standard_error == 0.0:
        return float(difference <= 0)
    return tail(difference / error.standard_error, error.degrees)
