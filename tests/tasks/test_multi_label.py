"""Several classes a text: how they are written, counted and kept, from data to statistics."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn import metrics as sk

from src.compare.comparison import compare_runs
from src.compare.verified import contradiction
from src.data.load import load_data
from src.data.normalise import rows_of
from src.deploy.merge import merge_run
from src.deploy.predict import predict_file, predict_text
from src.deploy.trained_run import load_run
from src.runs.predictions_reading import read_split
from src.runs.reading import find_runs, load_record
from src.tasks import KINDS
from src.training.run import run_job
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config

SETS = KINDS["multi_label"]
NAMES = ("a", "b", "c")
METRICS = ["multilabel_f1_micro", "multilabel_f1_macro", "mean_average_precision", "subset_accuracy"]


@pytest.mark.parametrize(
    "values",
    [
        [["a", "c"], [], ["b"]],
        ["a|c", "", "b"],
        ["a; c", None, "b"],
        ["a,c", "", "b"],
    ],
)
def test_sets_are_read_from_lists_and_cells(values):
    feature, found = SETS.read_labels(values, NAMES, NAMES, "labels", rows_of("x"))
    assert found.to_pylist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]] and SETS.names_in(feature) == NAMES
    assert SETS.find_names(values, None, "labels", rows_of("x")) == NAMES


def test_numbers_of_classes_and_a_column_a_class():
    _, found = SETS.read_labels([[0, 2], [1]], NAMES, range(3), "labels", rows_of("x"))
    assert found.to_pylist() == [[1, 0, 1], [0, 1, 0]]
    table = {"text": ["x", "y"], "a": ["1", "0"], "b": [True, False], "c": [0, 1.0]}
    assert SETS.column_of(table, "label", NAMES) == [["a", "b"], ["c"]]
    assert SETS.column_of(table, "label", None) is None
    with pytest.raises(UserError, match="column 'a' is a class, and holds 'maybe'"):
        SETS.column_of(table | {"a": ["maybe", "1"]}, "label", NAMES)
    with pytest.raises(UserError, match="x row 0: label 'd' is none of 'a', 'b', 'c'"):
        SETS.read_labels([["d"]], NAMES, NAMES, "labels", rows_of("x"))
    with pytest.raises(UserError, match="is no list of classes"):
        SETS.read_labels([3.5], NAMES, NAMES, "labels", rows_of("x"))


def test_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 2, (60, 3)), rng.normal(size=(60, 3)).astype("float32")
    found = SETS.compute(METRICS)(logits, labels.astype("float32"))
    sets = (logits > 0).astype(int)
    assert found == pytest.approx(
        {
            "multilabel_f1_micro": sk.f1_score(labels, sets, average="micro"),
            "multilabel_f1_macro": sk.f1_score(labels, sets, average="macro"),
            "mean_average_precision": np.mean(
                [sk.average_precision_score(labels[:, i], logits[:, i]) for i in range(3)]
            ),
            "subset_accuracy": (labels == sets).all(1).mean(),
        }
    )
    assert not SETS.is_constant(logits) and SETS.is_constant(np.abs(logits))


def test_a_threshold_is_picked_on_held_out_rows():
    """Against trying each: where the held-out texts' classes are those above 0.3, others are scored at about that."""
    rng = np.random.default_rng(1)
    chances = rng.random((200, 3))
    labels = (chances > 0.3).astype(int)
    logits = np.log(chances / (1 - chances))
    found = SETS.tuned(logits[:100], labels[:100], logits[100:], labels[100:])
    assert found["threshold"] == pytest.approx(0.3)
    assert found["f1_micro_at_threshold"] == sk.f1_score(labels[100:], chances[100:] > 0.3, average="micro") == 1
    assert (
        found["f1_macro_at_threshold"] == 1 and SETS.compute(METRICS)(logits[100:], labels[100:])["subset_accuracy"] < 1
    )


def test_a_file_is_trained_on_and_asked(tmp_path):
    texts = [[n for i, n in enumerate(NAMES) if row >> i & 1] for row in range(8)] * 6
    lines = ["text,labels"] + [f"it is {' and '.join(own) or 'nothing'},{'|'.join(own)}" for own in texts]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    config = compose_config(
        *NANO, "data=custom", f"data.files.train={tmp_path}/train.csv", "data.kind=multi_label", "data.label=labels",
        f"data.metrics=[{','.join(METRICS)}]", "data.primary_metric=multilabel_f1_micro",
        "training.max_steps=30", "training.learning_rate=5e-3", "training.selection=last",
    )  # fmt: skip
    score = run_job(config, tmp_path / "run")
    kept = pq.read_table(tmp_path / "run" / "predictions.parquet").to_pydict()
    assert [[int(value > 0) for value in row] for row in kept["logits"]] == kept["prediction"]
    assert score == pytest.approx(sk.f1_score(kept["label"], kept["prediction"], average="micro", zero_division=0))
    (answer,) = load_run(tmp_path / "run").predict(["it is a and c"])
    assert set(answer.scores) == set(NAMES)
    assert set(answer.label.split("|")) - {""} == {name for name, chance in answer.scores.items() if chance > 0.5}
    assert json.loads((tmp_path / "run" / "adapter" / "adapter.json").read_text())["kind"] == "multi_label"
    assert load_run(tmp_path / "run").said == "a class is answered above 0.5, no rows were held out to pick it on"


def test_a_run_answers_by_the_threshold_that_it_picked(train, tmp_path, capsys):
    folder = train("data=synth_mentions", "training.selection=holdout")
    run = load_run(folder)
    threshold = run.record.scores()["threshold"]
    rows = load_data(compose_config(*NANO, "data=synth_mentions").data, holdout=False).splits["validation"].sort("idx")
    answers, names = run.predict(rows["text"][:]), run.label_names
    sets = np.array([[name in answer.label.split("|") for name in names] for answer in answers])
    chances = np.array([list(answer.scores.values()) for answer in answers])
    assert np.array_equal(sets, chances > threshold)
    given = sk.f1_score(np.array(rows["label"][:]), sets, average="micro", zero_division=0)
    assert given == pytest.approx(run.record.scores()["f1_micro_at_threshold"])
    predict_text(folder, "The doctor slept .", None)
    printed = capsys.readouterr()
    assert f"above {threshold:g}, picked on the held-out rows" in printed.err and json.loads(printed.out)["scores"]
    (tmp_path / "t.csv").write_text("text\na b\n")
    predict_file(folder, tmp_path / "t.csv", None, tmp_path / "o.tsv", 8)
    assert f"1 rows in {tmp_path}/o.tsv; a class is answered above {threshold:g}" in capsys.readouterr().out


def test_a_threshold_that_is_none_is_not_believed():
    logits = torch.tensor([[-1.0, 0.1, 3.0]])
    for picked in ({}, {"threshold": None}, {"threshold": 0.0}, {"threshold": 7.0}):
        assert SETS.tuned_answers(logits, NAMES, (), picked) == SETS.answers(logits, NAMES)
    assert SETS.tuned_answers(logits, NAMES, (), {"threshold": 0.9})[0].label == NAMES[2]
    assert SETS.tuned_answers(logits, NAMES, (), {"threshold": 0.2})[0].label == "|".join(NAMES)


def test_runs_are_compared_and_merged(tmp_path):
    for seed in range(3):
        for method in ("lora", "head"):
            config = compose_config(*NANO, "data=synth_mentions", f"model=roberta_{method}", f"seed={seed}")
            run_job(config, tmp_path / "runs" / f"{method}{seed}")
    runs = find_runs([tmp_path / "runs"])
    assert [contradiction(run) for run in runs] == [None] * 6
    (table,) = compare_runs(runs, baseline="head").tables
    assert table.metric == "multilabel_f1_micro" and table.examples == 32
    assert all(row.interval is not None for row in table.rows)
    found = read_split(runs[0].folder, "validation")
    data = load_data(compose_config(*NANO, "data=synth_mentions").data, holdout=False)
    assert found.labels.tolist() == data.splits["validation"].sort("idx")["label"][:] and found.predictions.shape == (
        32,
        6,
    )
    assert load_record(runs[0].folder).scores()["mean_average_precision"] is not None
    lora = next(run for run in runs if run.name.startswith("lora"))
    assert all(own.holds for own in merge_run(lora.folder, tmp_path / "merged", rows=8).values())
