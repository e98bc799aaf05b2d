"""The report as a file: what is in it, what is not, and how large it is."""

import json
import re

import pytest

from src.compare.comparison import compare_runs
from src.compare.present.learning_curves import learning_curves
from src.compare.report import write_report
from src.compare.sensitivity import sweeps
from src.runs.reading import find_runs, read_run
from tests.compare.factory import ALPHA, EVERYTHING, METHODS, PAIRS, make_run, make_sweep

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


def written(tmp_path, *roots, **options):
    path = tmp_path / "report" / "index.html"
    comparison = compare_runs(find_runs(roots), resamples=200)
    write_report(comparison, path, **options)
    return path.read_text(encoding="utf-8"), comparison


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1])


def test_it_loads_nothing(tmp_path):
    make_sweep(tmp_path / "runs", seeds=3, ranks=(4, 16))
    html, _ = written(tmp_path, tmp_path / "runs")
    own = re.sub(r"<script>.*?</script>", "", html, flags=re.S)
    assert not re.search(r"<(link|img|iframe)\b|\ssrc=|url\(|@import", own)
    assert "default-src 'none'" in own
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["index.html"]


def test_what_the_data_hold(tmp_path):
    make_sweep(tmp_path / "runs", METHODS[:3], tasks=(PAIRS,), ranks=(4, 16))
    html, comparison = written(tmp_path, tmp_path / "runs")
    (group,) = data_of(html)["groups"]
    assert [row["label"] for row in group["rows"]] == [row.label for row in comparison.tables[0].rows]
    assert len(group["curves"]) == 5
    assert {tuple(sweep["values"]) for sweep in group["sweeps"]} == {(4.0, 8.0, 16.0)}
    assert len(data_of(html)["runs"]) == 15


def test_names_stay_data(tmp_path):
    make_run(tmp_path / "runs" / "<b>bold<b>", settings={"init": EVIL}, method=ALPHA)
    make_run(tmp_path / "runs" / "other", settings={"init": "plain"}, method=ALPHA)
    make_run(tmp_path / "runs" / "failed", status="failed", error={"message": EVIL, "type": "X"})
    html, _ = written(tmp_path, tmp_path / "runs", title=EVIL)
    assert "hacked" in html
    assert "<script>window" not in html
    assert "<img" not in re.sub(r"<script>.*?</script>", "", html, flags=re.S)
    assert "<b>bold" not in html


@pytest.mark.slow
def test_two_hundred_runs_stay_below_8_mb(tmp_path):
    make_sweep(tmp_path / "runs", seeds=10, ranks=(2, 4))
    html, comparison = written(tmp_path, tmp_path / "runs")
    assert comparison.runs == 200
    assert len(html.encode()) < 8_000_000


def test_curves_survive_damaged_histories(tmp_path):
    folders = [make_run(tmp_path / str(seed), seed=seed) for seed in range(3)]
    (folders[0] / "history.jsonl").unlink()
    with (folders[1] / "history.jsonl").open("a") as file:
        file.write('[1]\n\n{"event": "eval", "split": "validation", "step": 400, "accur')
    (table,) = compare_runs(find_runs([tmp_path]), resamples=200).tables
    (curve,) = learning_curves(table, {str(folder): read_run(folder) for folder in folders})
    assert curve.steps == [100, 200, 300]
    assert curve.seeds == 2
    assert curve.seconds[-1] == pytest.approx((30 * 1.03 + 30 * 1.06) / 2)
    assert all(low <= mean <= high for low, mean, high in zip(curve.low, curve.mean, curve.high, strict=True))
    assert curve.low != curve.high


@pytest.mark.parametrize(("best", "warned"), [(4, "smallest of 3"), (8, None), (16, "largest of 3")])
def test_a_best_value_on_the_edge_is_told(tmp_path, best, warned):
    for rank in (4, 8, 16):
        for seed in range(3):
            skill = 0.95 if rank == best else 0.75
            make_run(tmp_path / f"{rank}_{seed}", ALPHA, seed, settings={"r": rank}, skill=skill)
    (table,) = compare_runs(find_runs([tmp_path]), resamples=200).tables
    (sweep,) = sweeps(table)
    (series,) = sweep.series
    assert (series.warning is None) == (warned is None)
    assert warned is None or warned in series.warning


def test_one_run_makes_a_report(tmp_path):
    make_run(tmp_path / "runs" / "only", EVERYTHING, history=False, predictions=False)
    html, _ = written(tmp_path, tmp_path / "runs", published=True)
    assert "no claim" in html
