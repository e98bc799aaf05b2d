"""From settings to methods: what a tuning shows of the methods themselves.

The winners' runs compare two settings. Two equal methods, tuned once each, differ there by chance: each tuning found
what it found. Two designs reach the methods.

trials      The winner of n trials has an expected dev score, and all trials have been judged on the dev set: so it can
            be estimated from the trials of one tuning, for n well below their number (see ``expected.winner_of``).
repeats     R independent tunings of each method; the repeat is the unit, and its winner's mean over seeds the value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.compare.statistics.crossed import Error, seeds_alone
from src.compare.statistics.joint import holm, holm_levels
from src.tune.expected import by_rank, winner_of

SHARE = 4  # n is at most a quarter of the trials: beyond it the jackknife's error is too small
LEAST_TRIALS = 8  # so that n is 2 at least: the winner of one trial is no winner
LEAST_REPEATS = 4
LEVEL = 0.95


@dataclass(frozen=True)
class Scores:
    """A method's trials: held-out and dev scores, by trial; the worst of each for one that failed."""

    held_out: Sequence[float]
    dev: Sequence[float]


@dataclass(frozen=True)
class Verdict:
    """A method against the first one of the command.

    Attributes:
        design: ``trials`` or ``repeats``.
        baseline: the first one.
        trials: n, of the winner that is estimated; None for repeats.
        repeats: independent tunings; None for trials.
        difference: of expected dev scores; ``low`` and ``high`` its interval at the level that Holm holds it against:
            it leaves out 0 if, and only if, p is at most 5 %.
        p: adjusted by Holm over the task's methods.
    """

    design: str
    baseline: str
    trials: int | None
    repeats: int | None
    difference: float
    low: float
    high: float
    p: float


def pooled(several: Iterable[Scores | None]) -> Scores | None:
    """The trials of all repeats of a method, which are draws of one search; None if any are missing."""
    found = list(several)
    known = [scores for scores in found if scores is not None]
    if len(known) < len(found):
        return None
    return Scores([s for one in known for s in one.held_out], [s for one in known for s in one.dev])


def by_trials(methods: Mapping[str, Scores], lower_is_better: bool) -> dict[str, Verdict]:
    """Each method but the first against the first, by the winner of a quarter of the trials; t on all trials less 2.

    Nothing where a method has fewer than ``LEAST_TRIALS`` trials.

    Args:
        methods: their trials, of random search without pruning.
        lower_is_better: of the metric.
    """
    fewest = min(len(found.dev) for found in methods.values())
    if len(methods) < 2 or fewest < LEAST_TRIALS:
        return {}
    n = fewest // SHARE
    estimates = {
        name: (*winner_of(n, by_rank(found.held_out, found.dev, lower_is_better)), len(found.dev))
        for name, found in methods.items()
    }
    (baseline, (base, base_error, base_size)), *others = estimates.items()
    found = {
        name: (mean - base, Error(float(np.hypot(error, base_error)), size + base_size - 2.0, 0.0))
        for name, (mean, error, size) in others
    }
    return _adjusted(found, "trials", baseline, n, None)


def by_repeats(methods: Mapping[str, Sequence[float]]) -> dict[str, Verdict]:
    """Each method but the first against the first: Student's t over repeats, paired by their number.

    Nothing for fewer than ``LEAST_REPEATS`` repeats.

    Args:
        methods: for each the winners' mean dev scores, by repeat.
    """
    (baseline, base), *others = methods.items()
    repeats = len(base)
    if repeats < LEAST_REPEATS:
        return {}
    found = {}
    for name, values in others:
        gaps = np.subtract(values, base)
        found[name] = (float(gaps.mean()), seeds_alone(gaps))
    return _adjusted(found, "repeats", baseline, None, repeats)


def _adjusted(
    found: Mapping[str, tuple[float, Error]], design: str, baseline: str, trials: int | None, repeats: int | None
) -> dict[str, Verdict]:
    ps = [error.p(difference) for difference, error in found.values()]
    judged = zip(found.items(), holm(ps), holm_levels(ps, 1 - LEVEL), strict=True)
    return {
        name: Verdict(
            design, baseline, trials, repeats, difference, difference - error.reach(level),
            difference + error.reach(level), p,
        )
        for (name, (difference, error)), p, level in judged
    }  # fmt: skip
