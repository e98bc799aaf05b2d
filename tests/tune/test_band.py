"""The band of a tuning curve: its limits against simulation, its coverage where the truth is known."""

import numpy as np
import pytest

from src.tune.band import chance_within, median_band, order_limits


def test_the_chance_of_limits_is_what_simulation_gives():
    rng = np.random.default_rng(0)
    below, above = np.array([0.0, 0.1, 0.3, 0.5]), np.array([0.6, 0.8, 0.9, 1.0])
    drawn = np.sort(rng.random((200_000, 4)), axis=1)
    assert chance_within(below, above) == pytest.approx(((drawn >= below) & (drawn <= above)).all(1).mean(), abs=0.004)
    assert chance_within(np.zeros(3), np.ones(3)) == pytest.approx(1)
    assert chance_within(np.full(2, 0.5), np.ones(2)) == pytest.approx(0.25)
    assert chance_within(np.full(2, 0.9), np.full(2, 0.1)) == 0.0


@pytest.mark.parametrize("trials", [1, 12, 40])
def test_all_ordered_numbers_lie_within_their_limits_19_times_in_20(trials):
    below, above = order_limits(trials)
    drawn = np.sort(np.random.default_rng(1).random((20_000, trials)), axis=1)
    assert ((drawn >= below) & (drawn <= above)).all(1).mean() == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_the_band_holds_the_whole_curve_of_medians(lower_is_better):
    """Of uniform scores the median of the best of n is 0.5^(1/n), or 1 less that where less is better."""
    rng, trials, held = np.random.default_rng(2), 20, 0
    for _ in range(2000):
        low, high = median_band(rng.random(trials).tolist(), lower_is_better)
        truth = [0.5 ** (1 / n) for n in range(1, trials + 1)]
        truth = [1 - value for value in truth] if lower_is_better else truth
        held += all(
            (least is None or least <= value) and (most is None or value <= most)
            for value, least, most in zip(truth, low, high, strict=True)
        )
    assert 0.945 <= held / 2000 <= 1.0


def test_towards_better_scores_the_band_is_open_beyond_a_ninth_of_the_trials():
    scores = list(np.linspace(0.5, 0.9, 40))
    low, high = median_band(scores)
    limited = [limit is not None for limit in high]
    assert limited == sorted(limited, reverse=True) and 3 <= sum(limited) <= 8
    assert low[-1] is not None and low[-1] < max(scores)
    mirrored_low, mirrored_high = median_band([-score for score in scores], lower_is_better=True)
    assert [-limit if limit is not None else None for limit in mirrored_low] == high
    assert [-limit if limit is not None else None for limit in mirrored_high] == low
