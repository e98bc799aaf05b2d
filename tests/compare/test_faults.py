"""What a table of many rows once got wrong, a test for each: see docs/statistics.md."""

import json
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from src.compare.clusters import read_clusters
from src.compare.comparison import compare_runs
from src.compare.present.table_sentences import NOTHING_LEARNED, SCOPE, sentences
from src.compare.statistics.crossed import ALPHA, Error, mean_squares
from src.compare.statistics.estimate import detectable, mean_estimate, smallest_margin
from src.compare.statistics.joint import Family, family
from src.compare.statistics.moderation import fit_prior, moderate
from src.compare.statistics.ranks import make_panel
from src.compare.statistics.resampling import by_cluster, resample_examples
from src.compare.statistics.rows import Rows, Scored
from src.compare.statistics.scales import CORRELATION, RATE
from src.compare.warnings import clopper_pearson, unstable_baseline_warning
from src.runs.reading import find_runs
from src.utils.errors import UserError
from tests.compare.factory import ALPHA as METHOD
from tests.compare.factory import EVERYTHING, METHODS, NOTHING, PAIRS, change_predictions, make_run, make_sweep
from tools.simulation import Cell, judged, resampled, tables


def of(root: Path, **options):
    return compare_runs(find_runs([root]), resamples=500, **options)


def test_1_the_error_is_never_below_the_examples_own():
    """A table whose seeds agree by chance: the examples alone give MS_example / (k n)."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(4, 500))
    table -= table.mean(1, keepdims=True)  # no difference between seeds at all, and much between their answers
    squares = mean_squares(table)
    assert squares.seed < 1e-20 < squares.rest
    examples = np.sqrt(4 * table.mean(0).var(ddof=1) / (4 * 500))
    assert squares.error().standard_error >= examples > 0
    assert squares.error().standard_error >= squares.error().limit


def test_1_the_rows_prior_is_limmas():
    """Mean squares drawn around a common one: its size, and how alike they are, come back."""
    rng = np.random.default_rng(1)
    true = 0.3 * 8 / rng.chisquare(8, 20_000)  # scaled inverse chi-squared with d0 = 8
    squares = true * rng.chisquare(4, 20_000) / 4
    d0, s0 = fit_prior(squares, 4)
    assert (d0, s0) == (pytest.approx(8, rel=0.1), pytest.approx(0.3, rel=0.03))
    assert fit_prior(0.3 * rng.chisquare(4, 400) / 4, 4)[0] > 50, "rows that are alike"


def test_1_two_rows_leave_the_paired_table_its_own_seeds():
    scores = np.random.default_rng(2).normal(size=(2, 5))
    square, degrees = moderate(scores, 100).between(0, 1)
    assert square == pytest.approx(100 * (scores[0] - scores[1]).var(ddof=1))
    assert degrees == pytest.approx(4)


def test_1_an_unstable_row_keeps_its_own_mean_square():
    scores = np.random.default_rng(3).normal(size=(9, 5)) * np.array([5] + 8 * [1])[:, None]
    found = moderate(scores, 100)
    assert found.squares[0] > 5 * np.median(found.squares)
    assert found.most == 8 * 4


@pytest.mark.parametrize("shares", [(0.95, 0.90, 0.80), (0.80, 0.90, 0.95)])
def test_2_the_baseline_goes_by_held_out_scores(tmp_path, shares):
    """The best of the table on the evaluation split is not the baseline, unless it is the best on held-out rows."""
    names = ["one", "two", "three"]
    for name, skill in zip(names, shares, strict=True):
        for seed in range(3):
            make_run(tmp_path / f"{name}{seed}", replace(METHOD, name=name), seed, skill=skill)
            path = tmp_path / f"{name}{seed}" / "history.jsonl"
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            held = {"one": 0.5, "two": 0.9, "three": 0.4}[name]
            lines = [line | ({"accuracy": held} if line.get("split") == "holdout" else {}) for line in lines]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (table,) = of(tmp_path).tables
    assert table.baseline == "two" and "best held-out score" in table.baseline_rule
    assert table.rows[0].label != "two"


def test_2_without_held_out_scores_the_baseline_is_the_one_that_trains_most(tmp_path):
    for seed in range(3):
        for method in (METHODS[1], METHOD, NOTHING):
            make_run(tmp_path / f"{method.name}{seed}", method, seed, history=False)
    (table,) = of(tmp_path).tables
    assert table.baseline == "alpha" and "trains most" in table.baseline_rule


def test_2_the_best_of_a_method_named_beforehand_goes_by_held_out_scores_too(tmp_path):
    make_sweep(tmp_path, METHODS[:2], tasks=(PAIRS,), ranks=(4, 16))
    (table,) = of(tmp_path, baseline="alpha").tables
    assert table.baseline == "alpha r=16" and "named beforehand" in table.baseline_rule
    assert any(sentence.startswith("Baseline: alpha r=16 (named beforehand") for sentence in sentences(table))


def test_2_the_best_is_a_set():
    """A row that is plainly worse is out, equal ones are in, and the set answers in both directions."""
    rng = np.random.default_rng(4)
    base = rng.normal(size=(1, 300))
    found = [base + 0.3 * rng.normal(size=(4, 300)) - worse for worse in (0, 0, 0.4)]
    rows = Rows([Scored(dict(enumerate(t.mean(1))), t, resampled(300, 500) @ t.mean(0) / 300) for t in found])
    rows = replace(rows, resamples=500)
    assert rows.tied() == {0: True, 1: True, 2: False}
    assert rows.tied(lower_is_better=True) == {0: False, 1: False, 2: True}


def test_3_p_has_no_floor():
    """101 rows, one of them 36 points off: shown, whatever the number of resamples."""
    hits = np.concatenate([next(tables(Cell(100, 5, 0.3, 200), 1))[0], np.zeros((1, 5, 200))])
    hits[-1, :, :90] = 1
    found = judged(hits, resampled(200, 1_000)).against(0)
    assert found.adjusted[100] < 1e-4
    assert sum(p <= ALPHA for p in found.adjusted.values()) <= 2


@pytest.mark.parametrize("seed", range(4))
def test_4_the_verdict_and_the_interval_agree(seed):
    for hits, _ in tables(Cell(8, 4, 0.3, 150, worse=3, by=3.5), 20, seed):
        found = judged(hits, resampled(150, 1_000)).against(0)
        for i, gap in found.estimates.items():
            assert (found.adjusted[i] <= ALPHA) == (not gap.low <= 0 <= gap.high)
            assert gap.single_low >= gap.low and gap.single_high <= gap.high


def test_4_the_joint_level_is_between_bonferronis_and_none():
    """Against the exact distribution: independent rows are Sidak's, equal rows are one."""
    rng = np.random.default_rng(5)
    independent = family(rng.normal(size=(40_000, 6)))
    assert independent.level() == pytest.approx(1 - 0.95 ** (1 / 6), rel=0.08)
    assert independent.adjusted(0.02) == pytest.approx(1 - 0.98**6, rel=0.05)
    same = family(np.repeat(rng.normal(size=(40_000, 1)), 6, axis=1))
    assert same.level() == pytest.approx(0.05, rel=0.05)
    assert Family(6, independent.smallest).adjusted(1e-9) == pytest.approx(6e-9)
    assert family(rng.normal(size=(1_000, 1))).level() == pytest.approx(ALPHA)


def test_5_the_power_is_that_of_the_verdict():
    """The difference that is called detectable is shown in 80 % of noncentral draws at the level of the table."""
    error, alpha = Error(0.01, 6.0, 0.0), ALPHA / 7
    rng = np.random.default_rng(6)
    estimates = detectable(error, alpha) + 0.01 * rng.normal(size=200_000)
    errors = 0.01 * np.sqrt(rng.chisquare(6, 200_000) / 6)
    assert (np.abs(estimates / errors) > stats.t.ppf(1 - alpha / 2, 6)).mean() == pytest.approx(0.8, abs=0.01)
    assert detectable(Error(0.01, np.inf, 0.0)) == pytest.approx(0.01 * (1.95996 + 0.84162), rel=1e-4)
    assert smallest_margin(Error(0.01, np.inf, 0.0)) == pytest.approx(0.01 * (1.64485 + 1.28155), rel=1e-4)


def test_6_intervals_stay_within_their_scale():
    rng = np.random.default_rng(7)
    draws = np.clip(0.985 + 0.02 * rng.normal(size=2_000), 0, 1)
    near_one = mean_estimate(0.985, Error(0.01, 2.0, 0.0), draws, RATE, 277)
    assert 0.5 < near_one.low < 0.985 < near_one.high < 1
    wide = mean_estimate(0.9, Error(0.2, 3.0, 0.0), 0.9 + 0.1 * rng.normal(size=2_000), CORRELATION, 50)
    assert -1 < wide.low < 0.9 < wide.high < 1
    all_right = mean_estimate(1.0, Error(0.0, np.inf, 0.0), np.ones(100), RATE, 277)
    assert (all_right.low, all_right.high) == (pytest.approx(stats.beta.ppf(0.025, 277, 1)), 1.0)
    middle = mean_estimate(0.5, Error(0.01, np.inf, 0.0), 0.5 + 0.01 * rng.normal(size=50_000), RATE, 2_500)
    assert (middle.low, middle.high) == pytest.approx((0.4804, 0.5196), abs=5e-4)


def test_6_a_collapsed_seed_is_told_with_its_rate(tmp_path):
    for seed in range(4):
        make_run(tmp_path / f"a{seed}", METHOD, seed)
    change_predictions(tmp_path / "a0", prediction=1)
    notes = " ".join(of(tmp_path).tables[0].rows[0].notes)
    assert "1 of 4 seeds gives one answer throughout (25 % of its seeds, 95 % interval 1 to 81 %)" in notes
    assert "not reliable" in notes


@pytest.mark.parametrize(("count", "total"), [(0, 5), (1, 4), (5, 5), (3, 10)])
def test_6_clopper_pearson_is_scipys(count, total):
    expected = stats.binomtest(count, total).proportion_ci(method="exact")
    assert clopper_pearson(count, total) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("seeds", "warned"), [(3, True), (4, False)])
def test_where_a_table_does_not_keep_to_its_level_it_says_so(tmp_path, seeds, warned):
    make_sweep(tmp_path, METHODS[:2], seeds, tasks=(PAIRS,))
    (table,) = of(tmp_path).tables
    assert bool(table.warnings) == warned
    assert any("false claim" in sentence for sentence in sentences(table)) == warned


def test_7_the_scope_is_stated_once(tmp_path):
    from src.compare.present.formats import FORMATS

    make_sweep(tmp_path, METHODS[:2], seeds=3)
    comparison = of(tmp_path)
    assert FORMATS["markdown"](comparison, False).count(SCOPE) == 1
    assert json.loads(FORMATS["json"](comparison, False))["scope"] == SCOPE


def test_7_clusters_are_drawn_whole():
    """Examples in groups of ten that answer alike have a tenth of the information; sizes may differ."""
    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(60), rng.integers(1, 20, 60))
    table = rng.normal(size=(3, 60))[:, clusters] + 0.01 * rng.normal(size=(3, len(clusters)))
    found = by_cluster(table, clusters)
    assert found.mean(1) == pytest.approx(table.mean(1))
    deviations = table - table.mean(1, keepdims=True)
    sums = np.array([[row[clusters == c].sum() for c in range(60)] for row in deviations])
    expected = 60 / 59 * (sums**2).sum(1) / len(clusters) ** 2  # the clustered variance of a mean
    assert found.var(1, ddof=1) / 60 == pytest.approx(expected)
    labels = rng.integers(0, 2, len(clusters))
    predictions = np.where(rng.random(60)[clusters] < 0.7, labels, 1 - labels)[None]
    panel = make_panel("accuracy", labels, predictions, 2)
    whole = resample_examples(panel, 4_000, clusters=clusters)[:, 0]
    single = resample_examples(panel, 4_000)[:, 0]
    hits = by_cluster((labels == predictions).astype(float), clusters)
    assert whole.std() == pytest.approx(hits.std(ddof=1) / 60**0.5, rel=0.15)
    assert whole.std() > 2 * single.std()


def test_7_clusters_come_from_a_file(tmp_path):
    """400 examples, ten in a row of one document: the interval is that of 40, and wider."""
    for seed in range(3):
        for method in (METHOD, NOTHING):
            make_run(tmp_path / "runs" / f"{method.name}{seed}", method, seed)
    file = tmp_path / "documents.csv"
    file.write_text("index,cluster\n" + "".join(f"{i},document {i // 10}\n" for i in range(PAIRS.examples)))
    plain = of(tmp_path / "runs").tables[0]
    (table,) = of(tmp_path / "runs", clusters=read_clusters(file)).tables
    assert (plain.clusters, table.clusters, table.examples) == (None, 40, 400)
    assert any("parts of 40 clusters" in sentence for sentence in sentences(table))
    assert [row.mean for row in table.rows] == pytest.approx([row.mean for row in plain.rows])
    assert table.rows[0].interval.standard_error != plain.rows[0].interval.standard_error


def test_7_clusters_come_from_the_runs_own_data(tmp_path):
    """The column that data.cluster leaves in predictions does what the same file does, and nothing when it is odd."""
    runs = make_sweep(tmp_path / "runs", METHODS[:2], tasks=(PAIRS,))
    (plain,) = of(tmp_path / "runs").tables
    file = tmp_path / "clusters.csv"
    file.write_text("index,cluster\n" + "".join(f"{i},d{i // 10}\n" for i in range(400)))
    (expected,) = of(tmp_path / "runs", clusters=read_clusters(file)).tables

    def column(values):
        path = runs[0] / "predictions.parquet"
        table = pq.read_table(path)
        table = table.drop_columns("cluster") if "cluster" in table.column_names else table
        pq.write_table(table.append_column("cluster", values), path)
        return of(tmp_path / "runs").tables[0]

    found = column(pa.array([f"d{i // 10}" for i in range(400)]))
    assert found.clusters == 40 and [row.difference for row in found.rows] == [row.difference for row in expected.rows]
    odd = ([f"d{i // 200}" for i in range(400)], [None] * 400, list(range(400)), [["a"]] * 400)
    for values in odd:  # too few, missing, of another type
        assert column(pa.array(values)) == plain


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("index,document\n0,a\n", "has no column cluster; it has: index, document"),
        ("index,cluster\nfirst,a\n", "'first' is no whole number"),
        ("index,cluster\n0,a\n0,b\n", "the index 0 stands there twice"),
        ("index,cluster\n0,a\n1,b\n", "no cluster for the example 2, and 398 in all"),
        ("index,cluster\n" + "".join(f"{i},{i % 3}\n" for i in range(400)), "3 clusters; intervals need 10 at least"),
    ],
)
def test_7_clusters_that_are_none(tmp_path, text, says):
    for seed in range(3):
        make_run(tmp_path / "runs" / f"{seed}", METHOD, seed)
    (tmp_path / "clusters.csv").write_text(text)
    with pytest.raises(UserError, match=re.escape(says)):
        of(tmp_path / "runs", clusters=read_clusters(tmp_path / "clusters.csv"))


def test_8_constants_are_one_line(tmp_path):
    from tests.compare.test_comparison import shown

    for seed in range(3):
        for method in (METHOD, NOTHING):
            make_run(tmp_path / f"{method.name}{seed}", method, seed)
            change_predictions(tmp_path / f"{method.name}{seed}", prediction=1)
    comparison = of(tmp_path)
    assert not comparison.tables[0].learned
    text = shown(comparison)
    assert NOTHING_LEARNED in text and "Highest" not in text and "No difference" not in text
    change_predictions(tmp_path / "alpha1", prediction=np.arange(PAIRS.examples) % 2)
    assert of(tmp_path).tables[0].learned


def test_9_many_classes_need_little_memory():
    rng = np.random.default_rng(9)
    labels = rng.integers(0, 150, 4_500)
    predictions = np.where(rng.random((6, 4_500)) < 0.7, labels, rng.integers(0, 150, (6, 4_500)))
    for metric in ("accuracy", "f1_macro"):
        tracemalloc.start()
        panel = make_panel(metric, labels, predictions, 150)
        resample_examples(panel, 1_000)
        panel.influence()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 300e6, f"{metric}: {peak / 1e6:.0f} MB"


def test_9_the_efficiency_score_of_a_row_does_not_depend_on_the_others(tmp_path):
    for seed in range(3):
        make_run(tmp_path / f"a{seed}", METHOD, seed)
    (alone,) = of(tmp_path).tables[0].rows
    for seed in range(3):
        make_run(tmp_path / f"e{seed}", EVERYTHING, seed)
    assert next(row for row in of(tmp_path).tables[0].rows if row.method == "alpha").pscp == pytest.approx(alone.pscp)


def test_an_unstable_baseline_is_warned_of(tmp_path):
    """Fisher's F by scipy, and the words in the table whose baseline it is; not in that of another baseline."""
    shaky, calm = (0.04, 3), [(0.01, 3), (0.012, 3), (0.008, 3)]
    (said,) = unstable_baseline_warning(shaky, calm, "accuracy")
    assert "standard deviation of accuracy 0.0400 against 0.0101" in said and "up to 10 %" in said
    pooled = np.mean([deviation**2 for deviation, _ in calm])
    edge = float(np.sqrt(stats.f.isf(ALPHA, 2, 6) * pooled))
    assert unstable_baseline_warning((edge * 1.001, 3), calm, "f1")
    assert not unstable_baseline_warning((edge * 0.999, 3), calm, "f1")
    assert not unstable_baseline_warning(None, calm, "f1") and not unstable_baseline_warning(shaky, calm[:1], "f1")
    for seed, moved in enumerate((-0.06, 0.0, 0.06)):
        make_run(tmp_path / f"a{seed}", METHOD, seed, skill=0.8 + moved)
        for method in METHODS[1:4]:
            make_run(tmp_path / f"{method.name}{seed}", method, seed)
    words = "The seeds of the baseline vary more"
    assert any(words in sentence for sentence in sentences(of(tmp_path, baseline=METHOD.name).tables[0]))
    assert not any(words in sentence for sentence in sentences(of(tmp_path, baseline=METHODS[1].name).tables[0]))


@pytest.mark.parametrize(("unstable", "least", "most"), [(0, 0.4, 1.0), (None, 0.0, 0.1)])
def test_how_often_an_unstable_baseline_is_seen(unstable, least, most):
    """Nine methods, three seeds: in half of the tables where it is one, and in one of twenty where it is none."""
    found = [
        bool(unstable_baseline_warning((spread[0], 3), [(other, 3) for other in spread[1:]], "accuracy"))
        for hits, _ in tables(Cell(9, 3, 0.6, unstable=unstable), 60)
        for spread in [hits.mean(2).std(1, ddof=1)]
    ]
    assert least <= np.mean(found) <= most
