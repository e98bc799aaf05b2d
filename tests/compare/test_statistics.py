"""The statistics against spelled-out definitions, against scipy, and by simulation."""

import numpy as np
import pytest
from scipy import stats

from src.compare.statistics.crossed import mean_squares, pairwise_mean_squares, seeds_alone
from src.compare.statistics.estimate import Estimate
from src.compare.statistics.joint import holm
from src.compare.statistics.ranks import make_panel
from src.compare.statistics.resampling import resample_examples
from src.compare.statistics.rows import Rows, Scored


def runs(rng, seeds, examples, metric="accuracy", shift=0.0, seed_spread=0.1, method_spread=0.3):
    """Panels of two methods' runs: correct where skill + the example's ease + noise is positive."""
    labels = (rng.random(examples) < 0.6).astype(int)
    ease = rng.normal(0, 1, examples)
    sides = []
    for skill in (1.0 + shift, 1.0):
        for_method = ease + rng.normal(0, method_spread, examples)
        latent = skill + rng.normal(0, seed_spread, (seeds, 1)) + for_method + rng.normal(0, 1, (seeds, examples))
        sides.append(make_panel(metric, labels, np.where(latent > 0, labels, 1 - labels), 2))
    return sides


def compared(sides, resamples=300) -> Estimate:
    scored = [
        Scored(dict(enumerate(panel.values)), panel.influence(), resample_examples(panel, resamples).mean(1))
        for panel in sides
    ]
    return Rows(scored, resamples=resamples).against(1).estimates[0]


def test_mean_squares_by_the_definition():
    table = np.random.default_rng(0).normal(size=(3, 7)) + np.arange(3)[:, None]
    k, n = table.shape
    seeds = [sum(table[i]) / n for i in range(k)]
    examples = [sum(table[:, j]) / k for j in range(n)]
    grand = sum(seeds) / k
    ms_seed = n * sum((s - grand) ** 2 for s in seeds) / (k - 1)
    ms_example = k * sum((e - grand) ** 2 for e in examples) / (n - 1)
    rest = sum((table[i, j] - seeds[i] - examples[j] + grand) ** 2 for i in range(k) for j in range(n))
    ms_rest = rest / ((k - 1) * (n - 1))
    excess = max(ms_example - ms_rest, 0)
    assert ms_seed > ms_rest
    found = mean_squares(table).error()
    assert found.standard_error == pytest.approx(((ms_seed + excess) / (k * n)) ** 0.5)
    assert found.degrees == pytest.approx((k - 1) * (1 + excess / (ms_seed * (k + 1) / (k - 1))) ** 2)
    assert found.limit == pytest.approx((excess / (k * n)) ** 0.5)


def test_all_pairs_at_once_are_each_pair():
    tables = np.random.default_rng(10).normal(size=(4, 3, 50))
    found = pairwise_mean_squares(tables)
    for i, j in [(0, 1), (3, 1), (2, 3)]:
        one = mean_squares(tables[i] - tables[j])
        assert found[:, i, j] == pytest.approx([one.seed, one.example, one.rest])


def test_seeds_that_do_not_differ_leave_the_error_of_the_examples():
    one = np.random.default_rng(1).normal(size=200)
    found = mean_squares(np.stack([one] * 4)).error()
    assert found.standard_error == pytest.approx(one.std(ddof=1) / 200**0.5)
    assert found.degrees > 1e6


def test_examples_that_do_not_differ_leave_students_test_over_seeds():
    scores = np.array([0.81, 0.84, 0.79, 0.85, 0.80])
    crossed = mean_squares(np.repeat(scores[:, None], 300, axis=1)).error()
    assert (crossed.standard_error, crossed.degrees) == pytest.approx((scores.std(ddof=1) / 5**0.5, 4))
    found, mean = seeds_alone(scores), scores.mean()
    expected = stats.ttest_1samp(scores, 0.0)
    assert found.p(mean) == pytest.approx(expected.pvalue)
    assert (mean - found.reach(), mean + found.reach()) == pytest.approx(tuple(expected.confidence_interval()))


def test_draws_of_examples_agree_with_scipys_bootstrap():
    panel, _ = runs(np.random.default_rng(2), 1, 150, metric="f1")
    cells = 2 * panel.labels + panel.predictions[0]  # of label against prediction

    def f1(cells, axis=-1):
        hits, wrong = (cells == 3).sum(axis), ((cells == 1) | (cells == 2)).sum(axis)
        return 2 * hits / (2 * hits + wrong)

    expected = stats.bootstrap((cells,), f1, n_resamples=20_000, method="percentile", rng=np.random.default_rng(3))
    found = resample_examples(panel, 20_000)[:, 0]
    assert found.std() == pytest.approx(expected.standard_error, rel=0.03)
    interval = (expected.confidence_interval.low, expected.confidence_interval.high)
    assert np.quantile(found, [0.025, 0.975]) == pytest.approx(interval, abs=0.006)
    assert found.std() > 0.01


def test_a_method_against_itself():
    ours, _ = runs(np.random.default_rng(7), 3, 100)
    found = compared((ours, ours))
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_a_difference_that_nobody_could_miss():
    found = compared(runs(np.random.default_rng(8), 5, 500, shift=2.0), 2_000)
    assert found.p < 1e-4 and 0 < found.low < found.mean < found.high
    assert found.detectable < found.mean


@pytest.mark.parametrize(("metric", "seed_spread"), [("accuracy", 0.4), ("matthews_correlation", 0.1)])
def test_a_thousand_null_comparisons(metric, seed_spread):
    """The 5 % test rejects in 3 to 7 %, and the 95 % interval covers the true difference, 0, in 93 to 97 %."""
    rng = np.random.default_rng(9)
    found = [compared(runs(rng, 5, 150, metric, seed_spread=seed_spread), 200) for _ in range(1_000)]
    assert 0.03 <= np.mean([each.p <= 0.05 for each in found]) <= 0.07
    assert 0.93 <= np.mean([each.low <= 0 <= each.high for each in found]) <= 0.97


def test_holm_by_the_definition():
    ps = [0.01, 0.04, 0.03, 0.005]
    order = sorted(range(4), key=ps.__getitem__)
    expected = [0.0] * 4
    highest = 0.0
    for rank, which in enumerate(order):
        highest = max(highest, min(1.0, (4 - rank) * ps[which]))
        expected[which] = highest
    assert expected == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(ps) == pytest.approx(expected)
    assert holm([]) == [] and holm([0.2]) == [0.2]
