"""Estimates of smaller tunings against spelled-out definitions, and their errors by simulation."""

import itertools

import numpy as np
import pytest

from src.tune.expected import by_rank, expected_best, expected_of_winner, weights, winner_of
from src.tune.method_statistics import Scores, by_repeats, by_trials

HELD_OUT = [0.71, 0.93, 0.85, 0.85, 0.60, 0.90, 0.77]
DEV = [0.70, 0.86, 0.88, 0.80, 0.64, 0.91, 0.75]


@pytest.mark.parametrize("n", range(1, 8))
def test_the_expected_best_is_the_mean_over_all_choices_of_n_trials(n):
    """A U-statistic, by its definition; the winner's dev score likewise, the earlier of equal trials winning."""
    choices = list(itertools.combinations(range(7), n))
    assert expected_best(HELD_OUT)[n - 1] == pytest.approx(np.mean([max(HELD_OUT[i] for i in c) for c in choices]))
    winners = [max(choice, key=lambda i: HELD_OUT[i]) for choice in choices]  # of equal ones the first
    assert expected_of_winner(HELD_OUT, DEV)[n - 1] == pytest.approx(np.mean([DEV[i] for i in winners]))


def test_less_may_be_better():
    errors = [3.0, 1.0, 2.0]
    assert expected_best(errors, lower_is_better=True) == pytest.approx([2.0, (1 + 1 + 2) / 3, 1.0])


def test_the_error_leaves_out_one_trial_at_a_time():
    ordered, n = by_rank(HELD_OUT, DEV, False), 3
    left_out = [weights(6, n) @ np.delete(ordered, trial) for trial in range(7)]
    expected = (6 / 7 * sum((value - np.mean(left_out)) ** 2 for value in left_out)) ** 0.5
    assert winner_of(n, ordered) == pytest.approx((weights(7, n) @ ordered, expected))


def test_it_is_unbiased_where_drawing_with_replacement_is_not():
    """For uniform scores the best of 10 trials is 10/11 on average; 12 trials were run."""
    rng = np.random.default_rng(0)
    found, replaced = [], []
    for _ in range(4000):
        scores = sorted(rng.random(12))
        found.append(expected_best(scores)[9])
        replaced.append(sum(s * (((i + 1) / 12) ** 10 - (i / 12) ** 10) for i, s in enumerate(scores)))
    error = np.std(found) / 4000**0.5
    assert np.mean(found) == pytest.approx(10 / 11, abs=3 * error)
    assert np.mean(replaced) < 10 / 11 - 10 * error


def search(rng, trials, shift=0.0):
    """Scores of random search over a learning rate: a plateau, a cliff, and noise of seeds and of held-out rows."""
    rate = rng.uniform(-4, -1, trials)
    true = of_rate(rate) + shift + rng.normal(0, 0.006, trials)
    return Scores((true + rng.normal(0, 0.015, trials)).tolist(), (true + rng.normal(0, 0.006, trials)).tolist())


def of_rate(rate):
    return 0.85 - 0.05 * (rate + 2.5) ** 2 - 0.3 * np.maximum(rate + 1.5, 0)


def test_fresh_seeds_of_two_winners_do_not_test_the_methods():
    """Equal methods, tuned once each: their settings differ, and five fresh seeds of each find that out."""
    from scipy.stats import ttest_rel

    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        scores = []
        for _ in range(2):
            rates = rng.uniform(-4, -1, 20)
            held_out = of_rate(rates) + rng.normal(0, 0.006, 20) + rng.normal(0, 0.015, 20)
            scores.append(of_rate(rates[held_out.argmax()]) + rng.normal(0, 0.006, 5))
        found.append(ttest_rel(*scores).pvalue <= 0.05)
    assert np.mean(found) > 0.15


@pytest.mark.parametrize(
    "trials", [20, pytest.param(12, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.slow)]
)
def test_equal_methods_are_told_apart_in_one_tuning_of_twenty(trials):
    rng = np.random.default_rng(1)
    tunings = 1000
    found = [by_trials({"a": search(rng, trials), "b": search(rng, trials)}, False)["b"] for _ in range(tunings)]
    assert 0.03 <= np.mean([verdict.p <= 0.05 for verdict in found]) <= 0.07
    assert 0.93 <= np.mean([verdict.low <= 0 <= verdict.high for verdict in found]) <= 0.97
    assert {verdict.trials for verdict in found} == {trials // 4}


def test_a_better_method_is_found():
    rng = np.random.default_rng(2)
    verdict = by_trials({"a": search(rng, 40), "b": search(rng, 40, 0.05)}, False)["b"]
    assert verdict.difference > 0.03 and verdict.p < 0.001 and verdict.baseline == "a"


def test_too_few_trials_or_repeats_give_no_verdict():
    rng = np.random.default_rng(3)
    assert by_trials({"a": search(rng, 7), "b": search(rng, 20)}, False) == {}
    assert by_trials({"a": search(rng, 20)}, False) == {}
    assert by_repeats({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.2, 0.4]}) == {}


def test_an_interval_leaves_out_0_where_its_p_makes_a_claim():
    rng = np.random.default_rng(4)
    seen = set()
    for _ in range(200):
        found = by_repeats({name: rng.normal(shift, 1, 5) for name, shift in zip("abcd", (0, 0, 2, 4), strict=True)})
        for verdict in found.values():
            seen.add(verdict.p <= 0.05)
            assert (verdict.p <= 0.05) == (not verdict.low <= 0 <= verdict.high)
    assert seen == {True, False}


def test_repeats_are_students_test_over_tunings():
    from scipy.stats import ttest_rel

    a, b, c = [0.80, 0.82, 0.79, 0.83], [0.84, 0.83, 0.85, 0.88], [0.80, 0.81, 0.80, 0.83]
    found = by_repeats({"a": a, "b": b, "c": c})
    of_b, of_c = ttest_rel(b, a), ttest_rel(c, a)
    assert found["b"].p == pytest.approx(min(1, 2 * of_b.pvalue))  # Holm: the smaller of two
    assert found["c"].p == pytest.approx(max(of_c.pvalue, found["b"].p))
    assert (found["b"].low, found["b"].high) == pytest.approx(tuple(of_b.confidence_interval(0.975)))
    assert found["b"].repeats == 4 and found["b"].trials is None
