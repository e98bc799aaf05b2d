"""Groups, configurations, rows, formats: from run folders to what is printed."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from sklearn.metrics import matthews_corrcoef

from src.__main__ import main as command
from src.compare.comparison import compare_runs
from src.compare.pareto import on_front
from src.compare.present.figures import write_figures
from src.compare.present.formats import FORMATS, write_tidy
from src.compare.present.table_sentences import sentences
from src.compare.present.terminal_table import print_comparison
from src.compare.report import write_report
from src.runs.reading import find_runs
from src.runs.store import Store
from tests.compare.factory import (
    ALPHA,
    EVERYTHING,
    METHODS,
    NOTHING,
    PAIRS,
    SENTENCES,
    SIMILARITY,
    change_predictions,
    make_run,
    make_sweep,
)


def of(*roots, **options):
    return compare_runs(find_runs(map(Path, roots)), resamples=options.pop("resamples", 500), **options)


def shown(comparison, width=250, **options) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    print_comparison(comparison, console, **options)
    return console.export_text()


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    root = tmp_path_factory.mktemp("sweep")
    make_sweep(root, seeds=3, ranks=(4, 16))
    return root


def test_seeds_are_one_row_and_hyperparameters_that_vary_are_found(sweep):
    pairs, _ = of(sweep).tables
    labels = {row.label for row in pairs.rows}
    assert {"alpha r=4", "alpha r=8", "alpha r=16", "everything", "nothing"} <= labels
    assert len(pairs.rows) == len(METHODS) + 2
    assert all(row.seeds == [0, 1, 2] for row in pairs.rows)


def test_best_first_and_the_mean_is_the_mean(sweep):
    for table in of(sweep).tables:
        means = [row.mean for row in table.rows]
        assert means == sorted(means, reverse=True) and means[0] > means[-1]
        assert all(row.mean == pytest.approx(sum(row.values) / 3) for row in table.rows)


def test_the_difference_is_that_of_the_metric_recomputed_from_predictions(sweep):
    table = next(table for table in of(sweep).tables if table.metric == "matthews_correlation")

    def scores(label):
        row = next(row for row in table.rows if row.label == label)
        frames = [pd.read_parquet(Path(folder) / "predictions.parquet") for folder in row.folders]
        return row, sum(matthews_corrcoef(frame.label, frame.prediction) for frame in frames) / 3

    (_, whole), (row, none) = scores("everything"), scores("nothing")
    assert table.baseline == "everything"
    assert row.difference.mean == pytest.approx(none - whole)
    assert row.difference.low < row.difference.mean < row.difference.high < 0


def test_the_baseline(sweep, tmp_path):
    assert {table.baseline for table in of(sweep, baseline="beta").tables} == {"beta"}
    assert {table.baseline for table in of(sweep, baseline="alpha r=4").tables} == {"alpha r=4"}
    for number in range(3):
        make_run(tmp_path / f"a{number}", ALPHA, number)
        make_run(tmp_path / f"n{number}", NOTHING, number)
    assert of(tmp_path).tables[0].baseline == "alpha"  # the best, as nothing trains everything


def test_what_differs_in_what_must_be_fixed_is_never_averaged(tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", seed=1, epochs=5)
    make_run(tmp_path / "c", seed=1, backbone="other")
    make_run(tmp_path / "d", seed=1, data_fingerprint="another")
    make_run(tmp_path / "e", seed=1, selection="best")
    make_run(tmp_path / "f", seed=1)
    tables = of(tmp_path).tables
    assert sorted(len(table.rows[0].seeds) for table in tables) == [1, 1, 1, 1, 2]
    assert "epochs 5" in shown(of(tmp_path)) and "selection best" in shown(of(tmp_path))


def test_fewer_than_three_seeds_support_no_claim(tmp_path):
    for seed in range(2):
        make_run(tmp_path / f"a{seed}", ALPHA, seed)
        make_run(tmp_path / f"n{seed}", NOTHING, seed)
    (table,) = of(tmp_path).tables
    assert all(row.difference is None and row.interval is None for row in table.rows)
    assert any("no claim is made" in sentence for sentence in sentences(table))


def test_no_difference_is_worded_so_and_the_power_is_stated(tmp_path):
    for seed in range(3):
        make_run(tmp_path / f"a{seed}", ALPHA, seed)
        make_run(tmp_path / f"b{seed}", replace(ALPHA, name="twin"), seed, skill=ALPHA.skill + 0.002)
        make_run(tmp_path / f"n{seed}", NOTHING, seed)
    (table,) = of(tmp_path, baseline="alpha").tables
    text = " ".join(sentences(table))
    assert re.search(r"No difference shown to alpha: twin", text)
    assert re.search(r"Worse than alpha: nothing -0\.\d+ \[-", text)
    assert "would have been shown 4 times in 5" in text


def test_the_older_of_two_runs_with_one_seed_is_left_out(tmp_path):
    make_run(tmp_path / "new", started="2026-11-22T05:00:00+00:00")
    make_run(tmp_path / "old", started="2026-11-20T05:00:00+00:00")
    comparison = of(tmp_path)
    assert [Path(row.folders[0]).name for row in comparison.tables[0].rows] == ["new"]
    assert [(Path(folder).name, "older than new" in reason) for folder, reason in comparison.left_out] == [
        ("old", True)
    ]


def test_missing_and_foreign_predictions_leave_seeds_alone(tmp_path):
    for seed in range(3):
        make_run(tmp_path / f"a{seed}", ALPHA, seed)
        make_run(tmp_path / f"n{seed}", NOTHING, seed, predictions=seed > 0)
    (tmp_path / "n1" / "predictions.parquet").write_bytes(b"half a fi")
    change_predictions(tmp_path / "n2", index=range(1000, 1000 + PAIRS.examples))
    (table,) = of(tmp_path).tables
    row = next(row for row in table.rows if row.method == "nothing")
    values = [b - a for a, b in zip(table.rows[0].values, row.values, strict=True)]
    assert row.difference.mean == pytest.approx(sum(values) / 3)
    notes = " ".join(row.notes)
    for reason in ("predictions.parquet is missing", "is unreadable", "other examples or labels", "seeds alone"):
        assert reason in notes


def test_consistency_and_collapse(tmp_path):
    for seed in range(3):
        make_run(tmp_path / f"a{seed}", ALPHA, seed)
    frames = [pd.read_parquet(tmp_path / f"a{seed}" / "predictions.parquet") for seed in range(3)]
    same = sum(len({frame.prediction[i] for frame in frames}) == 1 for i in range(len(frames[0])))
    assert of(tmp_path).tables[0].rows[0].consistency == pytest.approx(same / len(frames[0]))
    change_predictions(tmp_path / "a0", prediction=1)
    assert of(tmp_path).tables[0].rows[0].collapsed == 1


def test_the_matrix_averages_complete_rows_alone(tmp_path):
    make_sweep(tmp_path, METHODS[:2], seeds=1, tasks=(PAIRS, SENTENCES))
    make_run(tmp_path / "lone", NOTHING, 0, PAIRS)
    (matrix,) = of(tmp_path).matrices
    rows = {label: (scores, average) for label, scores, average in matrix.rows}
    assert matrix.tasks == ["toy_pairs", "toy_sentences"]
    assert rows["nothing"][0][1] is None and rows["nothing"][1] is None
    assert rows["alpha"][1] == pytest.approx(sum(rows["alpha"][0]) / 2)
    assert re.search(r"nothing +0\.\d{4} *$", shown(of(tmp_path)), re.MULTILINE)


def test_regression(tmp_path):
    make_sweep(tmp_path, (*METHODS[:2], EVERYTHING), tasks=(SIMILARITY,))
    (table,) = of(tmp_path).tables
    assert table.metric == "pearson" and table.rows[0].consistency is None
    assert all(row.interval.low < row.mean < row.interval.high for row in table.rows)
    spearman = of(tmp_path, metric="spearmanr").tables[0]
    assert spearman.metric == "spearmanr" and spearman.rows[0].mean != table.rows[0].mean


def test_packed_runs_have_no_time_speed_or_memory_of_their_own(tmp_path):
    """Others were trained in the same seconds: blank in the table, in the report and in the figures."""
    for seed in range(3):
        make_run(tmp_path / f"a{seed}", ALPHA, seed)
        path = make_run(tmp_path / f"n{seed}", NOTHING, seed) / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"packed": {"jobs": 3, "mode": "packed"}}))
    comparison = of(tmp_path)
    times = {row.label: (row.train_s, row.samples_per_s, row.peak_mb) for row in comparison.tables[0].rows}
    assert times["nothing"] == (None, None, None)
    assert None not in times["alpha"]
    write_report(comparison, tmp_path / "report" / "index.html")
    write_figures(comparison, tmp_path / "figures")
    line = next(line for line in shown(comparison).splitlines() if line.strip().startswith("nothing"))
    assert not re.search(r"\d s\b|MB", line)


def test_the_front():
    points = [(0, 0.4), (10, 0.1), (20, 0.1), (5, 0.5), (30, 0.05)]
    assert on_front(points) == [True, True, False, False, True]
    assert on_front([(1, 1), (1, 1)]) == [True, True]


def test_what_cannot_be_compared_is_listed_with_its_reason(tmp_path):
    make_run(tmp_path / "good")
    make_run(tmp_path / "crashed", status="failed", error={"message": "out of memory\nat step 3", "type": "x"})
    make_run(tmp_path / "going", status="running")
    make_run(tmp_path / "newer", schema_version=99)
    make_run(tmp_path / "nan", primary_metric={"name": "accuracy", "value": None}, flags=["metric_is_nan"])
    make_run(tmp_path / "holes", params={"adapter": 3})
    make_run(tmp_path / "kinds", time="long")
    for name, text in (("half", '{"schema_version": 1, "sta'), ("list", "[]"), ("bytes", "\x00\x01")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(text)
    (tmp_path / "folder" / "result.json").mkdir(parents=True)
    (tmp_path / "loop").symlink_to(tmp_path)
    text = shown(of(tmp_path))
    for reason in (
        "crashed: failed: out of memory", "going: status 'running': not finished", "newer program", "metric_is_nan",
        "half: unreadable", "list: unreadable: not a record", "bytes: unreadable", "folder: unreadable",
        "holes: unreadable: params.router is missing",
        "kinds: unreadable: time='long' breaks the rule: map", "11 folders: 1 run, 10 left out",
    ):  # fmt: skip
        assert reason in text
    assert "Traceback" not in text and text.count(" alpha ") == 3  # the answer, a row, and the best


def test_links_are_followed_once(tmp_path):
    make_run(tmp_path / "elsewhere" / "run")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "again").symlink_to(tmp_path / "elsewhere")
    assert len(find_runs([tmp_path / "root", tmp_path / "root" / "link"])) == 1


def test_names_are_data_and_no_markup(tmp_path):
    make_run(tmp_path / "run", replace(ALPHA, name="[red]x[/red]&<b>|_%"))
    comparison = of(tmp_path)
    assert "[red]x[/red]&<b>|_%" in shown(comparison)
    assert r"&lt;b>\|_%" in FORMATS["markdown"](comparison, False)
    assert r"{[}red]x[/red]\&\textless{}b\textgreater{}\textbar{}\_\%" in FORMATS["latex"](comparison, False)


def test_a_narrow_terminal_gets_the_columns_in_blocks(sweep):
    wide, narrow = (shown(of(sweep), width, names=["all"]) for width in (300, 80))
    assert max(map(len, narrow.splitlines())) <= 80
    for heading in ("accuracy", "p", "trainable", "samples/s"):
        assert heading in wide and heading in narrow
    assert narrow.count("alpha r=16") > wide.count("alpha r=16")


def test_the_formats_say_the_same(sweep):
    comparison = of(sweep)
    lines = list(csv.DictReader(io.StringIO(FORMATS["csv"](comparison, True))))
    tables = json.loads(FORMATS["json"](comparison, False))["tables"]
    rows = [row for table in tables for row in table["rows"]]
    assert [float(line["mean"]) for line in lines] == [row["mean"] for row in rows]
    assert all(line["pscp"] for line in lines)
    markdown, latex = (FORMATS[name](comparison, False) for name in ("markdown", "latex"))
    for row in rows:
        assert f"{row['mean']:.4f}" in markdown and f"{row['mean']:.4f}" in latex
    best, second = sorted({f"{row['mean']:.4f}" for row in tables[0]["rows"]}, reverse=True)[:2]
    assert rf"\textbf{{{best}}}" in latex and rf"\underline{{{second}}}" in latex
    assert latex.count(r"\toprule") == latex.count(r"\bottomrule") == 4  # two tasks, the matrix and the mean over both


def test_one_row_per_run(sweep, tmp_path):
    runs = find_runs([sweep])
    for name in ("tidy.csv", "tidy.parquet"):
        write_tidy(runs, tmp_path / name)
    frame, other = pd.read_csv(tmp_path / "tidy.csv"), pd.read_parquet(tmp_path / "tidy.parquet")
    assert len(frame) == len(other) == len(runs)
    assert set(frame.method) == {method.name for method in METHODS}
    assert {"seed", "score", "selected.accuracy", "params.trainable", "time.train_s", "model.adapter.r"} <= {*frame}


def test_a_second_call_reads_and_computes_nothing_anew_and_notices_a_change(tmp_path, monkeypatch):
    for seed in range(3):
        make_run(tmp_path / "runs" / f"a{seed}", ALPHA, seed)
        make_run(tmp_path / "runs" / f"n{seed}", NOTHING, seed)
    store = Store(tmp_path / "cache" / "index.sqlite")

    def again():
        return compare_runs(find_runs([tmp_path / "runs"], store), resamples=300, store=store)

    first = again()
    with monkeypatch.context() as patch:
        patch.setattr("src.runs.reading.read_regular", lambda *_: pytest.fail("a record was read again"))
        patch.setattr("src.compare.verified.read_split", lambda *_: pytest.fail("predictions were read again"))
        patch.setattr("src.compare.comparison.statistics_of", lambda *_: pytest.fail("computed again"))
        assert again() == first
    changed = tmp_path / "runs" / "n1"
    labels = pd.read_parquet(changed / "predictions.parquet").label
    change_predictions(changed, prediction=labels.where(labels.index >= 40, 1 - labels))
    assert 0.9 in again().tables[0].rows[1].values
    make_run(tmp_path / "runs" / "a3", ALPHA, 3)
    assert len(again().tables[0].rows[0].seeds) == 4


@pytest.mark.parametrize("content", [b"no database", b""])
def test_a_damaged_cache_costs_time_alone(content, tmp_path):
    make_run(tmp_path / "run")
    (tmp_path / "index.sqlite").write_bytes(content)
    store = Store(tmp_path / "index.sqlite")
    assert compare_runs(find_runs([tmp_path / "run"], store), store=store).runs == 1


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--help"], 0, "compare"),
        (["compere"], 2, "no such command; choices: "),
        (["compare", "/nowhere"], 2, "/nowhere: no such folder"),
        (["compare", "{empty}"], 2, "no run to compare"),
        (["compare", "{one}"], 0, "toy_pairs on toy"),
        (
            ["compare", "{one}", "--baseline", "lola"],
            2,
            "--baseline lola: no such method or configuration; choices: alpha",
        ),
        (["compare", "{one}", "--metric", "bleu"], 2, "--metric bleu: no run has it; choices: accuracy, f1"),
        (["compare", "{one}", "--tidy", "{empty}/x.xls"], 2, "choices: .csv, .parquet"),
        (["compare", "{one}", "--format", "json", "--no-cache"], 0, '"tables"'),
    ],
)
def test_the_command(arguments, code, text, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    make_run(tmp_path / "one" / "run")
    places = {"empty": tmp_path / "empty", "one": tmp_path / "one"}
    monkeypatch.setattr("sys.argv", ["src", *(argument.format(**places) for argument in arguments)])
    assert command() == code
    output = capsys.readouterr()
    assert text in " ".join((output.out + output.err).split())


@pytest.mark.parametrize("wrong", [["--resamples", "3"], ["--format", "pdf"], ["--margin", "0"]])
def test_argparse_refuses(wrong, monkeypatch):
    monkeypatch.setattr("sys.argv", ["src", "compare", *wrong])
    with pytest.raises(SystemExit) as exit_:
        command()
    assert exit_.value.code == 2
