"""Means over tasks against scipy and spelled-out formulas, and how often they err, by simulation."""

import numpy as np
import pytest
from scipy import stats

from src.compare.beside.across.bayes import chances
from src.compare.beside.across.means import driver, of_another, of_these, prediction

GAPS = [-0.010, -0.006, -0.020, 0.004, -0.012, -0.050]
ERRORS = [0.006, 0.004, 0.009, 0.008, 0.010, 0.025]


def test_these_tasks_by_the_formula():
    degrees = [8.0, 12.0, 4.0, 30.0, 6.0, 5.0]
    found = of_these(GAPS, ERRORS, degrees)
    error = sum(s**2 for s in ERRORS) ** 0.5 / 6
    freedom = sum(s**2 for s in ERRORS) ** 2 / sum(s**4 / df for s, df in zip(ERRORS, degrees, strict=True))
    assert (found.value, found.standard_error, found.degrees) == pytest.approx((np.mean(GAPS), error, freedom))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(np.mean(GAPS)) / error, freedom))
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, freedom) * error)


def test_errors_that_are_known_count_with_normal_tails():
    found = of_these(GAPS, ERRORS, [np.inf] * 6)
    assert found.degrees == np.inf
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.value) / found.standard_error))


def test_another_task_is_students_test_over_tasks():
    expected = stats.ttest_1samp(GAPS, 0.0)
    found = of_another(GAPS)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    low, high = prediction(GAPS)
    assert (low + high) / 2 == pytest.approx(np.mean(GAPS))
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 5) * np.std(GAPS, ddof=1) * (1 + 1 / 6) ** 0.5)


def test_who_drives_a_mean():
    names = list("abcdef")
    assert driver(names, [-0.001, 0.0, -0.002, 0.001, 0.0, -0.06]) == "f"
    assert driver(names, [-0.01] * 6) is None
    assert driver(names, [0.0, 0.0, 0.0, 0.0, -0.04, 0.03]) == "e"
    assert driver(names, [0.01, 0.01, 0.01, 0.01, -0.04, 0.02]) is None
    assert driver(["a", "b"], [0.0, 1.0]) is None


def simulated_chances(gaps, errors, margin, scale, draws=400_000):
    """The same model by drawing from its prior, each draw weighted by its likelihood."""
    rng = np.random.default_rng(0)
    mu, tau = rng.uniform(-0.15, 0.15, draws), np.abs(rng.normal(0, scale, draws))
    log_weight = sum(
        stats.norm.logpdf(gap, mu + tau * rng.standard_t(4, draws), error)
        for gap, error in zip(gaps, errors, strict=True)
    )
    weight = np.exp(log_weight - log_weight.max())
    new = mu + tau * rng.standard_t(4, draws)
    shares = (new < -margin, np.abs(new) <= margin, new > margin)
    return [float((weight * share).sum() / weight.sum()) for share in shares]


@pytest.mark.parametrize("margin, scale", [(0.01, 0.02), (0.005, 0.01)])
def test_the_chances_are_those_of_the_model(margin, scale):
    found = chances(GAPS, ERRORS, margin, scale=scale)
    assert (found.worse, found.equivalent, found.better) == pytest.approx(
        simulated_chances(GAPS, ERRORS, margin, scale), abs=0.035
    )
    assert found.worse + found.equivalent + found.better == pytest.approx(1)


def test_more_may_be_worse():
    higher, lower = chances(GAPS, ERRORS, 0.01), chances(GAPS, ERRORS, 0.01, lower_is_better=True)
    assert (lower.worse, lower.better) == pytest.approx((higher.better, higher.worse))


def test_without_a_margin_it_is_better_or_worse():
    found = chances([0.0, 0.0, 0.0, 0.0], [0.01] * 4, 0.0)
    assert found.equivalent == pytest.approx(0) and found.worse == pytest.approx(0.5)
    assert chances([0.1] * 5, [0.001] * 5, 0.01).better > 0.95


def measured(rng, tasks, seeds, between, shift=0.0):
    """Differences on tasks of unlike size: the truth, what is measured of it, and errors that are estimates, too."""
    errors = rng.choice([0.003, 0.006, 0.012, 0.025], tasks)
    truth = shift + between * rng.normal(size=tasks)
    degrees = np.full(tasks, 2.0 * (seeds - 1))
    estimated = errors * np.sqrt(rng.chisquare(degrees) / degrees)
    return truth, truth + errors * rng.normal(size=tasks), estimated, degrees


@pytest.mark.parametrize("tasks", [4, *(pytest.param(t, marks=pytest.mark.slow) for t in range(5, 10))])
@pytest.mark.parametrize("seeds", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_both_answers_err_as_often_as_they_say(tasks, seeds):
    """For T = 4 to 9: the interval for these tasks covers their mean; the test over tasks rejects a mean of 0."""
    rng = np.random.default_rng([tasks, seeds])
    covered, rejected, predicted, runs = 0, 0, 0, 1000
    for _ in range(runs):
        truth, gaps, errors, degrees = measured(rng, tasks, seeds, between=0.01)
        these = of_these(gaps, errors, degrees)
        covered += these.low <= truth.mean() <= these.high
        rejected += of_another(gaps).p <= 0.05
        low, high = prediction(gaps)
        predicted += low <= measured(rng, 1, seeds, between=0.01)[1][0] <= high
    assert 0.925 <= covered / runs <= 0.98
    assert 0.02 <= rejected / runs <= 0.065
    assert 0.915 <= predicted / runs <= 0.985
