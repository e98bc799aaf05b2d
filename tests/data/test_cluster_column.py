"""``data.cluster``: a column says what a row is part of; the rows stay what they are without it."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.data.load import load_data
from src.runs.clusters_reading import read_clusters_of
from src.runs.predictions_writing import write_predictions
from src.utils.errors import UserError

ROWS = [(f"text {i}", "ab"[i % 2], f"doc{i // 3}") for i in range(60)]


@pytest.fixture
def load(data_config, tmp_path):
    def loaded(*overrides, rows=ROWS, holdout=False):
        file = tmp_path / "train.csv"
        file.write_text("text,label,document\n" + "".join(f"{','.join(row)}\n" for row in rows))
        return load_data(data_config("custom", f"data.files.train={file}", *overrides), holdout=holdout)

    return loaded


def test_each_evaluated_row_knows_its_cluster(load):
    plain, data = load(holdout=True), load("data.cluster=document", holdout=True)
    assert plain.clusters == {}
    for split in ("train", "validation"):
        source = data.clusters[split]
        assert all(source[idx] == ROWS[idx][2] for idx in data.splits[split]["idx"][:])
    assert data.fingerprint == plain.fingerprint, "rows, tokens and groups of a comparison stay the same"
    assert [rows.column_names for rows in data.splits.values()] == [r.column_names for r in plain.splits.values()]


def test_a_text_may_be_the_cluster(load):
    data = load("data.cluster=text")
    assert set(data.clusters["validation"].values()) <= {row[0] for row in ROWS}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            ROWS,
            r"data.cluster=nope: .*train.csv line 2: no such column; the columns are 'text', .*'document'; rule: ",
        ),
        (
            [*ROWS[:5], ("x", "a", ""), *ROWS[5:]],
            r"data.cluster=document: .*line 7: no value; rule: the name of a column",
        ),
    ],
)
def test_a_column_that_is_none(load, rows, says):
    with pytest.raises(UserError, match=says):
        load("data.cluster=nope" if rows is ROWS else "data.cluster=document", rows=rows)


def test_a_source_without_columns(data_config):
    with pytest.raises(UserError, match=r"data.cluster=document: data=synth_paraphrase from .* no columns but texts"):
        load_data(data_config("synth_paraphrase", "data.cluster=document"), holdout=False)


def test_the_column_goes_to_the_predictions_and_back(load, tmp_path):
    data = load("data.cluster=document")
    index = data.splits["validation"]["idx"][:]
    logits, labels = np.zeros((len(index), 2)), np.array(data.splits["validation"]["label"][:])
    kind = data.task.space.kind

    def written(name, clusters):
        (tmp_path / name).mkdir()
        write_predictions(
            tmp_path / name / "predictions.parquet", {"validation": logits}, {"validation": labels},
            {"validation": index}, {"validation": kind}, clusters,
        )  # fmt: skip
        return tmp_path / name

    assert read_clusters_of(written("with", data.clusters), "validation") == {i: ROWS[i][2] for i in index}
    assert read_clusters_of(tmp_path / "with", "test") == {}
    assert pq.read_schema(written("without", {}) / "predictions.parquet").names[-1] == "logits"
    assert read_clusters_of(tmp_path / "without", "validation") == {} == read_clusters_of(tmp_path, "validation")
    assert read_clusters_of(written("gap", {"validation": {index[0]: "one"}}), "validation") == {}, "not for every row"
