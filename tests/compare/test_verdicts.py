"""Four verdicts by a margin that was set beforehand, from rows to the printed words."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from src.__main__ import main as command
from src.compare.comparison import compare_runs
from src.compare.present.columns import columns
from src.compare.present.formats import FORMATS
from src.compare.present.how_judged import how_judged
from src.compare.present.table_sentences import sentences, signed, verdict
from src.compare.statistics.crossed import ALPHA, Error
from src.compare.statistics.estimate import difference_estimate, equivalence_p, settles, smallest_margin
from src.compare.statistics.joint import holm_levels
from src.compare.verdicts import KINDS, with_verdicts
from src.runs.reading import find_runs
from src.runs.store import Store
from src.utils.text import latex
from tests.compare.factory import ALPHA as METHOD
from tests.compare.factory import NOTHING, Task, make_run
from tools.simulation import Cell, judged, resampled, tables

LARGE = Task("toy_pairs", examples=6_000)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store") / "index.sqlite")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Against alpha: twin is equal, close is a little worse, far is much worse; and 6,000 examples to tell by."""
    root = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        for name, skill in (("alpha", 0.9), ("twin", 0.9), ("close", 0.87), ("far", 0.6)):
            own = skill - np.random.default_rng([seed, *f"{name}".encode()]).normal(0, 0.001)
            make_run(root / f"{name}{seed}", replace(METHOD, name=name), seed, LARGE, skill=own)
    return root


def table_of(root, store=None, **options):
    (table,) = compare_runs(find_runs([root], store), baseline="alpha", resamples=500, store=store, **options).tables
    return table, {row.label: row for row in table.rows}


def test_equivalence_is_two_one_sided_tests():
    """Against scipy's one-sided tests of Student, of differences whose mean and error are known."""
    sample = np.random.default_rng(0).normal(0.1, 1, 40)
    error = Error(float(sample.std(ddof=1) / 40**0.5), 39.0, 0.0)
    margin = 0.5
    above = stats.ttest_1samp(sample, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(sample, margin, alternative="less").pvalue
    assert equivalence_p(float(sample.mean()), error, margin) == pytest.approx(max(above, below))
    reach = error.reach(2 * ALPHA)  # the 90 % interval lies inside the margin if, and only if, p is below 5 %
    for edge in (0.999, 1.001):
        inside = equivalence_p(0.0, error, edge * reach) <= ALPHA
        assert inside == (edge > 1)


def test_four_verdicts(runs, store):
    _, rows = table_of(runs, store, margin=0.06)
    said = {label: rows[label].verdict for label in ("alpha", "twin", "far")}
    assert said == {"alpha": None, "twin": "equivalent", "far": "worse"}
    assert rows["far"].beyond is True and rows["twin"].beyond is None
    assert rows["close"].verdict in ("worse", "equivalent") and rows["close"].beyond is not True
    _, rows = table_of(runs, store, margin=0.0005)
    assert rows["twin"].verdict == "undecided"
    _, rows = table_of(runs, store)
    assert rows["twin"].verdict == "no difference shown" and rows["twin"].p_equivalent is None


def test_the_verdict_agrees_with_interval_and_p(runs, store):
    for margin in (0.001, 0.02, 0.06):
        table, rows = table_of(runs, store, margin=margin)
        for row in rows.values():
            if row.difference:
                shown = row.verdict in ("better", "worse")
                assert shown == (row.p_adjusted <= ALPHA) == (not row.difference.low <= 0 <= row.difference.high)
                far = min(abs(row.difference.low), abs(row.difference.high)) > margin
                assert (row.beyond is True) == (shown and far)
                assert (row.verdict == "equivalent") == (not shown and row.p_equivalent <= ALPHA)
                assert (row.p_equivalent <= ALPHA) == (max(map(abs, row.equivalence)) <= margin)
            assert verdict(row, table) or row.label == "alpha"


def said(low: float, high: float, equivalence: tuple[float, float], margin: float | None, lower: bool) -> str:
    """The verdict of what a table shows, by the words of docs/statistics.md."""
    if low > 0 or high < 0:
        return "better" if (low > 0) != lower else "worse"
    if margin is None:
        return "no difference shown"
    return "equivalent" if max(abs(equivalence[0]), abs(equivalence[1])) <= margin else "undecided"


@pytest.mark.parametrize("alpha", [0.05, 0.0028])
def test_a_verdict_is_a_function_of_the_interval_that_is_shown_beside_it(runs, store, alpha):
    """Random tables: the verdict, its words, its numbers in every format, and the p-values never say two things."""
    table, rows = table_of(runs, store)
    template, rng, seen = rows["twin"], np.random.default_rng(5), set()
    for _ in range(300):
        margin, lower = (None if rng.random() < 0.2 else float(rng.uniform(0.005, 0.05))), bool(rng.random() < 0.5)
        made = []
        for number in range(int(rng.integers(1, 9))):
            scale = float(rng.choice([0.0, 0.002, 0.01, 0.03]))
            error = Error(scale, float(rng.choice([2.5, 9.0, np.inf])), scale / 2)
            mean = float(rng.choice([0.0, rng.normal(0, 0.03)]))
            gap = difference_estimate(mean, error, alpha / 3, alpha / 5)
            made.append(replace(template, label=f"m{number}", difference=gap, p_adjusted=min(1.0, 3 * gap.p)))
        judged = with_verdicts(made, "alpha", margin, lower, alpha)
        shown = replace(table, rows=judged, margin=margin, alpha=alpha, lower_is_better=lower)
        text = " ".join(sentences(shown))
        for row in judged:
            gap, own = row.difference, row.equivalence
            assert row.verdict == said(gap.low, gap.high, own or (0, 0), margin, lower)
            assert (row.p_adjusted <= alpha) == (row.verdict in ("better", "worse"))
            seen.add((row.verdict, row.beyond))
            if margin is None:
                assert own is None and row.p_equivalent is None and row.beyond is None
                continue
            inside = max(map(abs, own)) <= margin
            assert (row.p_equivalent <= alpha) == inside
            assert row.beyond == (
                None if gap.low <= 0 <= gap.high else True if gap.low > margin or gap.high < -margin
                else False if inside else None
            )  # fmt: skip
            if row.verdict == "equivalent":
                assert f"{row.label} {signed(gap.mean)} [{own[0]:+.4f}, {own[1]:+.4f}], p " in text
            cells = {column.heading: column.text(row) for column in columns(shown)}
            assert cells[f"interval for ±{margin:g}"] == f"[{own[0]:+.4f}, {own[1]:+.4f}]"
            assert f"{100 * (1 - alpha):g} % interval (difference)" in cells
            assert cells["verdict"] == verdict(row, shown) and cells["verdict"].startswith(row.verdict)
    assert {verdict for verdict, _ in seen} == set(KINDS) and {True, False, None} == {beyond for _, beyond in seen}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from([0.05, 0.01]))
def test_holms_levels_reject_what_holm_rejects(ps, alpha):
    """By Holm's own words: the smallest against alpha / m, the next against alpha / (m - 1), until one stands."""
    rejected: set[int] = set()
    for place in sorted(range(len(ps)), key=ps.__getitem__):
        if ps[place] > alpha / (len(ps) - len(rejected)):
            break
        rejected.add(place)
    assert [p <= level for p, level in zip(ps, holm_levels(ps, alpha), strict=True)] == [
        place in rejected for place in range(len(ps))
    ]


def test_the_words_and_every_format_have_the_verdicts(runs):
    comparison = compare_runs(find_runs([runs]), baseline="alpha", resamples=500, margin=0.06)
    text = " ".join(sentences(comparison.tables[0]))
    assert (
        "Equivalent to alpha within ±0.06 (in brackets the interval that shows it): " in text
        and "more than 0.06" in text
    )
    assert "smallest margin within which equivalence could have been shown is 0.0" in text
    for name in ("markdown", "latex", "csv"):
        assert "equivalent" in FORMATS[name](comparison, False)
    (table,) = json.loads(FORMATS["json"](comparison, False))["tables"]
    assert table["margin"] == 0.06 and {row["verdict"] for row in table["rows"]} >= {"equivalent", "worse", None}


def test_latex_says_what_was_found_how_and_under_what_assumptions(runs):
    """Every sentence of the table, each on its line below the table, and the sentences that a paper prints."""
    for margin in (None, 0.06):
        comparison = compare_runs(find_runs([runs]), baseline="alpha", resamples=500, margin=margin)
        (table,) = comparison.tables
        below = FORMATS["latex"](comparison, False).partition(r"\end{tabular}")[2].partition(r"\end{table}")[0]
        for sentence in (*sentences(table), *how_judged(table)):
            assert rf"\par\smallskip\footnotesize {latex(sentence)}" + "\n" in below
        said = " ".join(how_judged(table))
        assert "paired by seed and example" in said and "all 3 differences" in said and "Assumed: " in said
        assert ("±0.06 is shown by two one-sided tests at 5 %" in said) == (margin is not None)
    assert how_judged(replace(table, clusters=40))[0].count("cluster") == 2
    assert how_judged(replace(table, baseline=None)) == []


def test_where_more_seeds_do_not_help(tmp_path):
    """400 examples cannot settle a twentieth of a point, however many seeds there are."""
    for seed in range(3):
        make_run(tmp_path / f"a{seed}", METHOD, seed)
        make_run(tmp_path / f"b{seed}", replace(METHOD, name="twin"), seed)
        make_run(tmp_path / f"n{seed}", NOTHING, seed)
    table, rows = table_of(tmp_path, margin=0.0005)
    assert rows["twin"].verdict == "undecided"
    error = Error(1.0, 9.0, rows["twin"].difference.limit)
    helpless = not settles(error, 0.0005, ALPHA / 2)
    assert helpless == any("more seeds do not help" in sentence for sentence in sentences(table))
    assert settles(Error(1.0, 2.0, 0.01), 0.017) and not settles(Error(1.0, 2.0, 0.01), 0.016)  # z_0.95 = 1.645


@pytest.mark.parametrize("margin", ["0", "-1", "inf", "nan", "much"])
def test_margins_that_are_none(margin, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["src", "compare", str(tmp_path), "--margin", margin])
    with pytest.raises(SystemExit):
        command()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_false_equivalence(share):
    """Of tables whose last method is worse by just the margin, about 5 % call it equivalent."""
    cell = Cell(2, 5, share, worse=1, by=4.0)
    weights, wrong, number = resampled(cell.examples), 0, 600
    for hits, truth in tables(cell, number):
        (found,) = judged(hits, weights).against(0).estimates.values()
        error = Error(found.standard_error, found.degrees, 0.0)
        wrong += equivalence_p(found.mean, error, abs(truth)) <= ALPHA
    assert 0.01 <= wrong / number <= 0.07


def test_the_smallest_margin_is_shown_four_times_in_five():
    error, rng = Error(0.01, np.inf, 0.0), np.random.default_rng(1)
    margin = smallest_margin(error)
    found = 0.01 * rng.normal(size=20_000)
    assert np.mean([equivalence_p(gap, error, margin) <= ALPHA for gap in found]) == pytest.approx(0.8, abs=0.01)
