"""Looks at growing numbers of seeds: the levels hold on tables of the simulation's own generator, too."""

from types import SimpleNamespace

import numpy as np
import pytest

from src.compare.statistics.crossed import ALPHA, Error
from src.compare.statistics.sequential import Plan, levels
from src.study.looks import look_levels
from src.utils.errors import UserError
from tools.simulation import Cell, judged, resampled, tables

LOOKS = (3, 5, 7, 10)


def test_one_look_has_the_whole_level():
    (level,) = levels([10])
    assert level == pytest.approx(ALPHA, abs=0.008)


@pytest.mark.parametrize("kind", ["early", "late"])
def test_levels_grow_and_are_divided_among_comparisons(kind):
    alone = levels(LOOKS, kind=kind)
    assert list(alone) == sorted(alone) and alone[-1] < ALPHA < sum(levels(LOOKS)) + 0.03
    assert levels(LOOKS, 4, kind) == pytest.approx([level / 4 for level in alone])


def test_late_levels_leave_nearly_all_to_the_last_look():
    early, late = levels(LOOKS), levels(LOOKS, kind="late")
    assert late[0] < early[0] / 20 and late[-1] > early[-1]
    scores = [-np.sqrt(k / 10) * norm(level / 2) for k, level in zip(LOOKS, late, strict=True)]
    assert scores == pytest.approx([scores[0]] * 4)  # O'Brien and Fleming's: z falls with the root of the seeds


def norm(p):
    from scipy.stats import norm as distribution

    return distribution.ppf(p)


@pytest.mark.parametrize("looks", [[], [2, 5], [5, 3], [3, 3]])
def test_looks_that_are_none(looks):
    with pytest.raises(UserError, match="increase"):
        levels(looks)
    with pytest.raises(UserError, match="at least 1"):
        levels([3], comparisons=0)


def test_decisions():
    plan = Plan(LOOKS)
    sharp, dull = Error(0.001, 50, 0.0005), Error(0.05, 4, 0.04)
    assert plan.decide(0.02, sharp, 3) == "difference"
    assert plan.decide(0.0001, sharp, 5, p_equivalent=1e-6) == "equivalent"
    assert plan.decide(0.001, dull, 3) == "futile"
    assert plan.decide(0.09, dull, 5) == "go on"
    assert plan.decide(0.01, dull, 10) == "undecided"
    assert plan.adjusted(plan.level(5), 5) == pytest.approx(ALPHA)
    assert "after 5 of at most 10 seeds" in plan.sentence(5) and "4 looks" in plan.sentence(5)
    with pytest.raises(UserError, match="no look of the plan"):
        plan.level(4)


def stopped(share: float, kind: str, number: int, methods: int = 2) -> tuple[float, float]:
    """Shares of tables without a difference in which some look shows one: by the plan, and at 5 % each."""
    cell = Cell(methods, LOOKS[-1], share)
    weights = resampled(cell.examples, 400)
    plan = levels(LOOKS, methods - 1, kind)
    by_plan = naive = 0
    for hits, _ in tables(cell, number, seed=7):
        errors = [judged(hits[:, :k], weights).against(0).estimates.values() for k in LOOKS]
        ps = [min(found.p for found in estimates) for estimates in errors]
        by_plan += any(p <= level for p, level in zip(ps, plan, strict=True))
        naive += any(p <= ALPHA / (methods - 1) for p in ps)
    return by_plan / number, naive / number


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("methods", [2, 4, 9])
def test_simulated_studies_err_in_five_percent(methods, share):
    """A study's rule: p over all comparisons of a look against the look's level, the intervals at that level, too."""
    assert study_errs(Cell(methods, LOOKS[-1], share), 600) <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("methods", [4, 9])
def test_simulated_studies_whose_baseline_is_unstable(methods):
    assert study_errs(Cell(methods, LOOKS[-1], 0.6, unstable=0), 600) <= 0.085


def study_errs(cell: Cell, number: int) -> float:
    """The share of studies without a difference in which some look shows one."""
    question = SimpleNamespace(looks=LOOKS, level=ALPHA)
    weights, wrong = resampled(cell.examples), 0
    for hits, _ in tables(cell, number, seed=11):
        for k, level in zip(LOOKS, look_levels(question), strict=True):
            found = judged(hits[:, :k], weights).against(0, level)
            shown = [not gap.low <= 0 <= gap.high for gap in found.estimates.values()]
            assert shown == [p <= level for p in found.adjusted.values()]
            if any(shown):
                wrong += 1
                break
    return wrong / number


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["early", "late"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("methods", [2, 4])
def test_simulated_looks_err_in_five_percent(share, kind, methods):
    by_plan, naive = stopped(share, kind, 600, methods)
    assert by_plan <= 0.07 and by_plan < naive
