"""Calibration, slices and several tasks from run folders to what is printed."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf
from scipy import stats
from scipy.special import softmax

from src.__main__ import main as command
from src.compare.beside.calibration import Calibration
from src.compare.beside.data_parts import Column, _grouped
from src.compare.beside.slices import Slices
from src.compare.clusters import Clusters
from src.compare.comparison import compare_runs
from src.compare.present.formats import json_text, latex, markdown
from src.compare.report import write_report
from src.data import load as loading
from src.data.load import load_data
from src.runs.predictions_reading import Predictions
from src.runs.reading import find_runs
from src.utils.errors import UserError
from tests.compare.factory import EVERYTHING, METHODS, PAIRS, SENTENCES, SIMILARITY, make_run, make_sweep
from tests.conftest import NANO, compose_config

THREE = (METHODS[0], METHODS[2], EVERYTHING)
TASKS = tuple(replace(PAIRS, name=f"pairs_{number}") for number in range(4))


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    make_sweep(folder, THREE, 3, (PAIRS,))
    return folder


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    make_sweep(folder, THREE, 3, (*TASKS, SENTENCES))
    return folder


def of_kind(comparison, kind):
    return [section for section in comparison.beside if section.kind == kind]


def compare(capsys, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["src", "compare", *map(str, words), "--no-cache"])
    status = command()
    output = capsys.readouterr()
    return status, output.out, output.err


# Calibration.


def test_calibration_is_computed_from_the_stored_logits(one):
    comparison = compare_runs(find_runs([one]), resamples=500, beside=[Calibration(["nll", "brier"])])
    (section,) = of_kind(comparison, "calibration")
    data = {(entry["column"], entry["label"]): entry for entry in section.data}
    row = next(row for row in comparison.tables[0].rows if row.label == "alpha")
    per_run = []
    for folder in row.folders:
        frame = pq.read_table(f"{folder}/predictions.parquet").to_pandas()
        chances = softmax(np.stack(frame.logits), axis=1)
        per_run.append(-np.log(chances[np.arange(len(frame)), frame.label]).mean())
    found = data["nll", "alpha"]
    assert found["mean"] == pytest.approx(np.mean(per_run), rel=1e-5)
    assert found["interval"]["low"] < found["mean"] < found["interval"]["high"]
    assert found["difference"]["mean"] == pytest.approx(found["mean"] - data["nll", "everything"]["mean"])
    assert data["nll", "everything"]["difference"] is None
    assert section.headings[:3] == ["method", "NLL", "95 % interval of NLL"]
    assert [cells[0] for cells in section.rows] == [row.label for row in comparison.tables[0].rows]


def test_a_regression_has_no_probabilities(tmp_path):
    make_sweep(tmp_path, THREE, 3, (SIMILARITY,))
    comparison = compare_runs(find_runs([tmp_path]), resamples=500, beside=[Calibration(["ece"])])
    assert of_kind(comparison, "calibration") == []


def test_a_run_without_predictions_is_left_out_by_name(one, tmp_path):
    make_sweep(tmp_path, THREE[:2], 3, (PAIRS,))
    make_run(tmp_path / "blind", EVERYTHING, predictions=False)
    comparison = compare_runs(find_runs([tmp_path]), resamples=500, beside=[Calibration(["ece"])])
    (section,) = of_kind(comparison, "calibration")
    assert "Left out: blind: predictions.parquet is missing." in section.sentences
    assert [cells[0] for cells in section.rows if cells[0] == "everything"] == []


def test_two_seeds_have_a_mean_and_no_interval(tmp_path):
    make_sweep(tmp_path, THREE, 2, (PAIRS,))
    (section,) = of_kind(
        compare_runs(find_runs([tmp_path]), resamples=500, beside=[Calibration(["ece"])]), "calibration"
    )
    assert all(cells[1] and not cells[2] for cells in section.rows)


# Slices.


def test_parts_by_label_are_those_of_the_labels(one):
    comparison = compare_runs(find_runs([one]), resamples=500, beside=[Slices(Column("label"))])
    (section,) = of_kind(comparison, "slices")
    data = {(entry["part"], entry["label"]): entry for entry in section.data}
    row = next(row for row in comparison.tables[0].rows if row.label == "gamma")
    frames = [pq.read_table(f"{folder}/predictions.parquet").to_pandas() for folder in row.folders]
    for label in (0, 1):
        own = [frame[frame.label == label] for frame in frames]
        entry = data[str(label), "gamma"]
        assert entry["mean"] == pytest.approx(np.mean([(frame.prediction == label).mean() for frame in own]))
        assert entry["examples"] == len(own[0])
        assert entry["gap"]["mean"] == pytest.approx(entry["mean"] - data[str(label), "everything"]["mean"])
        assert (entry["p"] <= 0.05) == (not entry["gap"]["low"] <= 0 <= entry["gap"]["high"])


def test_p_of_parts_are_holms_over_all_of_them(one):
    (section,) = of_kind(compare_runs(find_runs([one]), resamples=500, beside=[Slices(Column("label"))]), "slices")
    claims = [entry for entry in section.data if entry["gap"]]
    single = [
        2 * stats.t.sf(abs(entry["gap"]["mean"]) / entry["gap"]["standard_error"], min(entry["gap"]["degrees"], 1e9))
        for entry in claims
    ]
    order, running = np.argsort(single), 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, single[place] * (len(single) - rank)))
        assert claims[place]["p"] == pytest.approx(running, rel=1e-6)
    assert len(claims) == 4  # two methods on two parts


def test_parts_by_a_column_of_a_table(one, tmp_path, capsys, monkeypatch):
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "year"])
        writer.writerows([["news" if place < 390 else "rare", 1900 + place] for place in range(400)])
    status, out, _ = compare(capsys, monkeypatch, one, "--by", "source", "--rows", path)
    printed = re.sub(r"\s+", " ", out)
    assert status == 0 and "Parts of fewer than 20 examples are left out: rare." in printed
    _, out, _ = compare(capsys, monkeypatch, one, "--by", "year", "--rows", path, "--format", "json")
    (section,) = json.loads(out)["beside"]
    assert {entry["part"]: entry["examples"] for entry in section["data"]} == {
        "low (1900 to 2033)": 134, "middle (2034 to 2166)": 133, "high (2167 to 2299)": 133,
    }  # fmt: skip
    status, _, err = compare(capsys, monkeypatch, one, "--by", "nope", "--rows", path)
    assert status == 2 and "has no such column; choices: source, year" in err


@pytest.mark.parametrize("make", [lambda c: Slices(Column("label"), c), lambda c: Calibration(["ece", "nll"], c)])
def test_clusters_are_drawn_whole(one, make):
    """Each example by itself is as good as no cluster; twenty at a time are fewer, and another error."""
    runs = find_runs([one])

    def errors(clusters):
        (section,) = compare_runs(runs, resamples=500, beside=[make(clusters)]).beside
        found = [entry.get("gap") or entry.get("interval") for entry in section.data]
        return [estimate["standard_error"] for estimate in found if estimate]

    alone, single, grouped = (
        errors(size and Clusters("by hand", {index: str(index // size) for index in range(400)}))
        for size in (None, 1, 20)
    )
    assert single == pytest.approx(alone, rel=1e-6)
    assert grouped != pytest.approx(alone, rel=1e-3)


def test_rows_of_a_table_may_come_in_any_order(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("index,kind\n" + "".join(f"{i},{'odd' if i % 2 else 'even'}\n" for i in reversed(range(7))))
    index = np.arange(1, 6)
    parts = Column("kind", path).parts(Predictions(index, index, index), tmp_path, "validation")
    assert {name: places.tolist() for name, places in parts.items()} == {"even": [1, 3], "odd": [0, 2, 4]}
    with pytest.raises(UserError, match="lacks the example 7, and 3 in all"):
        Column("kind", path).parts(Predictions(index + 4, index, index), tmp_path, "validation")


@pytest.mark.parametrize("words, message", [
    (["--by", "nope"], "--by nope: neither label nor length, and of the run's data it cannot be taken"),
    (["--by", "length"], "holds no .hydra/config.yaml"),
    (["--rows", "x.csv"], "--by COLUMN says which"),
])  # fmt: skip
def test_mistakes_of_parts(one, words, message, capsys, monkeypatch):
    status, _, err = compare(capsys, monkeypatch, one, *words)
    assert status == 2 and message in err


def test_length_counts_the_words_of_both_texts(tmp_path):
    """The run's folder says where its texts are."""
    config = compose_config(*NANO)
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(OmegaConf.create({"data": config.data}), tmp_path / ".hydra" / "config.yaml")
    rows = load_data(config.data, holdout=False).splits["validation"]
    index = np.sort(np.array(rows["idx"]))
    labels = np.zeros(len(index), dtype=np.int64)
    parts = Column("length").parts(Predictions(index, labels, labels), tmp_path, "validation")
    words = {row["idx"]: len(row["text"].split()) + len(row["text_pair"].split()) for row in rows}
    assert sum(map(len, parts.values())) == len(index) and len(parts) > 1
    for name, places in parts.items():
        found = [words[int(index[place])] for place in places]
        low, high = map(int, re.findall(r"\d+", name)[:2]) if "(" in name else (int(name),) * 2
        assert (min(found), max(found)) == (low, high)


@pytest.fixture
def sourced(tmp_path):
    """Six runs on a table with a column beside text and label, and the table's file of the evaluation split."""
    train, validation = tmp_path / "train.csv", tmp_path / "validation.csv"
    labels = np.random.default_rng(list(PAIRS.name.encode())).integers(0, 2, PAIRS.examples)  # as the factory's
    lines = [f"text {row},{'good' if label else 'bad'},{'mail' if row % 3 else 'web'},{row}"
             for row, label in enumerate(labels)]  # fmt: skip
    for path in (train, validation):
        path.write_text("\n".join(["words,y,source,year", *lines]) + "\n")
    words = ["data=custom", f"data.files.train={train}", f"data.files.validation={validation}", "data.text=[words]"]
    config = compose_config(*NANO[:1], *words, "data.label=y", "data.label_names=[bad,good]")
    fingerprint = load_data(config.data, holdout=True).fingerprint
    for seed in range(3):
        for method in THREE[:2]:
            folder = make_run(tmp_path / "runs" / f"{method.name}{seed}", method, seed, data_fingerprint=fingerprint)
            (folder / ".hydra").mkdir()
            OmegaConf.save(OmegaConf.create({"data": config.data}), folder / ".hydra" / "config.yaml")
    loading._load.cache_clear()  # a command is a process of its own, and reads the file as it is then
    return tmp_path / "runs", validation


def test_a_column_of_the_data_is_found_there(sourced, capsys, monkeypatch):
    """By the data's own column and by a table of the same values the parts and their numbers are the same."""
    runs, validation = sourced
    status, out, err = compare(capsys, monkeypatch, runs, "--by", "source", "--format", "json")
    assert status == 0, err
    found = json.loads(out)["beside"]
    sizes = {row["part"]: row["examples"] for section in found for row in section["data"]}
    assert sizes == {"web": len(range(0, PAIRS.examples, 3)), "mail": PAIRS.examples - len(range(0, PAIRS.examples, 3))}
    by_table = compare(capsys, monkeypatch, runs, "--by", "source", "--rows", validation, "--format", "json")
    assert json.loads(by_table[1])["beside"] == found
    thirds = compare(capsys, monkeypatch, runs, "--by", "year", "--format", "json")[1]
    assert json.loads(thirds)["beside"][0]["data"][0]["part"].startswith("low (0 to ")


@pytest.mark.parametrize(("name", "change", "message"), [
    ("nope", None, "no such column; the columns are 'words', 'y', 'source', 'year'"),
    ("source", ("text 7,", "other 7,"), "are other rows now than those that its record was made on"),
    ("length", ("text 7,", "other 7,"), "are other rows now than those that its record was made on"),
    ("source", ("web,6\n", ",6\n"), "line 8: no value"),
    ("words", None, "400 different values, and at most 12"),
    ("source", None, "no data file"),
])  # fmt: skip
def test_a_column_of_the_data_that_is_not_at_hand(sourced, capsys, monkeypatch, name, change, message):
    runs, validation = sourced
    text = validation.read_text()
    if change:
        assert change[0] in text
        validation.write_text(text.replace(*change))
    elif message == "no data file":
        validation.unlink()
    status, _, err = compare(capsys, monkeypatch, runs, "--by", name)
    assert status == 2 and message in " ".join(err.split())
    assert ("--rows FILE names a table" in " ".join(err.split())) == (name in ("nope", "source"))


def test_too_many_words_are_no_parts():
    with pytest.raises(UserError, match="26 different values, and at most 12"):
        _grouped("letter", list("abcdefghijklmnopqrstuvwxyz"))


# Several tasks.


def test_the_mean_over_tasks_is_that_of_the_tables(several):
    comparison = compare_runs(find_runs([several]), resamples=500, margin=0.01)
    (section,) = of_kind(comparison, "tasks")
    gaps = {
        row.label: [next(r for r in table.rows if r.label == row.label).difference for table in comparison.tables]
        for row in comparison.tables[0].rows if row.difference
    }  # fmt: skip
    for entry in section.data:
        own = gaps[entry["label"]]
        assert entry["these"]["value"] == pytest.approx(np.mean([gap.mean for gap in own]))
        error = sum(gap.standard_error**2 for gap in own) ** 0.5 / 5
        assert entry["these"]["standard_error"] == pytest.approx(error)
        assert entry["another"]["degrees"] == 4
        for which in ("these", "another"):
            out = not entry[which]["low"] <= 0 <= entry[which]["high"]
            assert (entry[f"p_{which}"] <= 0.05) == out, "interval and p agree"
        chances = entry["chances"]
        assert chances["worse"] + chances["equivalent"] + chances["better"] == pytest.approx(1)
        assert len(entry["sensitivity"]) == 2
    assert "mixes metrics whose points are not alike" in section.sentences[-1]


def test_every_format_shows_the_tasks(several, tmp_path):
    comparison = compare_runs(find_runs([several]), resamples=500, margin=0.01)
    write_report(comparison, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in (latex(comparison), markdown(comparison), page, json_text(comparison)):
        assert "Over all tasks on toy" in text
        assert "This says nothing of other tasks" in text
    assert "P(equivalent)" in page and r"\caption{Over all tasks on toy}" in latex(comparison)


def test_two_tasks_say_nothing_of_another(tmp_path):
    make_sweep(tmp_path, THREE, 3, TASKS[:2])
    (section,) = of_kind(compare_runs(find_runs([tmp_path]), resamples=500), "tasks")
    assert "2 tasks say nothing of another such task: 4 are needed." in section.sentences
    assert all(entry["another"] is None and entry["chances"] is None for entry in section.data)
    assert section.headings == ["method", "mean of these 2", "95 % interval", "p (Holm)", "worse on"]


def test_a_method_that_lacks_a_task_has_no_mean(tmp_path):
    make_sweep(tmp_path, THREE, 3, TASKS[:2])
    for seed in range(3):
        make_run(tmp_path / f"more_{seed}", METHODS[4], seed, TASKS[0])
    (section,) = of_kind(compare_runs(find_runs([tmp_path]), resamples=500), "tasks")
    assert sorted(entry["label"] for entry in section.data) == ["alpha", "gamma"]


def test_tasks_with_baselines_of_their_own_have_no_mean(tmp_path):
    make_sweep(tmp_path / "a", THREE[:2], 3, TASKS[:1])
    make_sweep(tmp_path / "b", THREE, 3, TASKS[1:2])
    comparison = compare_runs(find_runs([tmp_path]), resamples=500)
    sections = of_kind(comparison, "tasks")
    assert sections == [] or "the baselines differ" in sections[0].sentences[0]
    assert not any(section.rows for section in sections)
