"""What a published table supports, on numbers of papers: against spelled-out formulas, scipy, and by simulation."""

import numpy as np
import pytest
from scipy import stats

from src.compare.audit.entries import Entry, make_table
from src.compare.audit.support import example_error, judge
from tests.compare.audit.tables import C3A_RTE, RTE, published


def by_name(rows):
    return {row.entry.method: row for row in rows}


def test_the_error_of_a_row_is_that_of_its_examples_and_its_seeds():
    """RTE's 277 rows alone leave 2.3 points at 81.9 %; five seeds of deviation 1.4 add 0.63."""
    row = by_name(judge(published(RTE)))["VeRA all linear"]
    right = 0.819 * 277 + 1  # one right and one wrong answer are added
    rate = right / 279
    examples = 100 * (rate * (1 - rate) / 279) ** 0.5
    assert examples == pytest.approx(2.31, abs=0.01)
    assert row.error == pytest.approx((examples**2 + 1.4**2 / 5) ** 0.5)


@pytest.mark.parametrize("metric, square", [
    ("matthews_correlation", (1 - 0.634**2) / 1043), ("pearson", (1 - 0.634**2) ** 2 / 1042), ("f1", 0.0),
])  # fmt: skip
def test_the_examples_part_of_other_metrics(metric, square):
    table = make_table("cola", metric, [Entry("a", 63.4, 1, None, 1043), Entry("b", 62.0, 1, None, 1043)])
    assert example_error(table.entries[0], table) == pytest.approx(100 * square**0.5)


def test_matthews_of_two_equal_classes_is_twice_the_rate():
    """For balanced answers it is 2 p - 1, so its error is twice that of p."""
    rate, n = 0.8, 500
    table = make_table("", "matthews_correlation", [Entry("a", 2 * rate - 1, 1, None, n), Entry("b", 0.1, 1, None, n)])
    assert example_error(table.entries[0], table) == pytest.approx(2 * (rate * (1 - rate) / n) ** 0.5)


def test_eight_published_methods_on_rte_are_all_tied():
    rows = judge(published(RTE))
    assert [row.entry.method for row in rows][:2] == ["VB-LoRA q,v", "VeRA all linear"]
    assert all(row.tied for row in rows)
    assert rows[-1].gap == pytest.approx(6.1)
    assert rows[-1].needed > 7


def test_the_fairest_table_tells_ia3_from_the_best_only_if_answers_go_together():
    assert all(row.tied for row in judge(published(C3A_RTE)))
    rows = by_name(judge(published(C3A_RTE), correlation=0.5))
    assert not rows["(IA)3"].tied and rows["LoRA r=8"].tied and rows["C3A /6"].tied


def test_the_limit_of_equal_rows_is_dunnetts():
    """One-sided, with correlation 1/2 between the differences, for five others: the largest of five normals."""
    table = make_table("", "accuracy", [Entry(f"m{i}", 0.7, 1, None, 10_000) for i in range(6)])
    row = judge(table, draws=100_000)[1]
    limit = row.needed / (2**0.5 * row.error)
    shared = stats.multivariate_normal(np.zeros(5), 0.5 * np.eye(5) + 0.5)
    assert shared.cdf(np.full(5, limit)) == pytest.approx(0.95, abs=0.004)


def test_two_rows_of_three_seeds_count_with_students_tails():
    """Without the examples' part, two rows of equal spread are Student's test with 2 (k - 1) degrees, one-sided."""
    table = make_table("", "f1", [Entry("a", 0.72, 3, 0.02, 500), Entry("b", 0.70, 3, 0.02, 500)])
    row = judge(table, draws=200_000)[1]
    error = (2 * 0.02**2 / 3) ** 0.5
    assert row.needed / error == pytest.approx(stats.t.ppf(0.95, 4), rel=0.02)
    assert row.p_best == pytest.approx(stats.t.sf(0.02 / error, 4), abs=0.005)


def test_differences_to_a_baseline_are_welchs_and_holms():
    """By the seeds alone, as scipy has it from the same summaries."""
    rows = by_name(judge(published(RTE, metric="f1"), baseline="LoRA"))
    raw = {
        name: stats.ttest_ind_from_stats(mean, sd, 5, *RTE["LoRA"], 5, equal_var=False).pvalue
        for name, (mean, sd) in RTE.items() if name != "LoRA"
    }  # fmt: skip
    adjusted = dict(zip(raw, stats.false_discovery_control(list(raw.values())), strict=True))
    first = min(raw, key=lambda name: raw[name])
    assert rows[first].p == pytest.approx(7 * raw[first])
    assert rows["AdaLoRA"].difference == pytest.approx(2.6)
    assert rows["LoRA"].p is None
    assert all(rows[name].p >= adjusted[name] - 1e-12 for name in raw)  # Holm is never below Benjamini-Hochberg


def test_a_row_that_is_never_right_has_an_error_nevertheless():
    rows = judge(make_table("", "accuracy", [Entry("a", 0.0, 1, None, 50), Entry("b", 1.0, 1, None, 50)]))
    assert all(row.error > 0 for row in rows) and not rows[1].tied


@pytest.mark.parametrize("seeds", [3, pytest.param(1, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("correlation", [0.0, pytest.param(0.6, marks=pytest.mark.slow)])
def test_the_set_holds_the_best_19_times_in_20(seeds, correlation):
    """Six methods of equal merit: each of them is as good as the best, and is in the set in 95 % and hardly more."""
    rng = np.random.default_rng(0)
    tables, size, rate, spread = 200, 500, 0.8, 0.015
    error = (rate * (1 - rate) / size) ** 0.5
    kept = []
    for number in range(tables):
        shared = correlation**0.5 * rng.normal()
        examples = error * (shared + (1 - correlation) ** 0.5 * rng.normal(size=6))
        runs = rate + examples[:, None] + (rng.normal(0, spread, (6, seeds)) if seeds > 1 else np.zeros((6, 1)))
        entries = [
            Entry(f"m{i}", float(own.mean()), seeds, float(own.std(ddof=1)) if seeds > 1 else None, size)
            for i, own in enumerate(runs)
        ]
        rows = judge(make_table("", "accuracy", entries), correlation, draws=1000, seed=number)
        kept.append(np.mean([row.tied for row in rows]))
    assert 0.92 <= np.mean(kept) <= 0.98
    assert np.std(kept) / tables**0.5 < 0.01
