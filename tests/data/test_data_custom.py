"""Anyone's own files: four formats, labels in every spelling, and mistakes named by file, row and column."""

import csv
import json
import re

import pytest
from datasets import Dataset

from src.data.encode import encode
from src.data.load import load_data
from src.utils.errors import UserError

ROWS = [
    {"review": 'said "fine", then\nleft', "title": "one", "stars": "good"},
    {"review": "tab\there", "title": "two", "stars": "bad"},
    {"review": "plain", "title": "three", "stars": "good"},
] * 4


def write(path, rows=ROWS):
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    elif path.suffix == ".parquet":
        Dataset.from_list(rows).to_parquet(path)
    else:
        path.write_text("\n".join("\t".join(map(str, row)) for row in [rows[0].keys(), *[r.values() for r in rows]]))
    return path


@pytest.fixture
def load(data_config):
    def loaded(train, *overrides, text="review", label="stars", holdout=False):
        names = [f"data.files.train={train}", f"data.text=[{text}]", f"data.label={label}"]
        return load_data(data_config("custom", *names, *overrides), holdout=holdout)

    return loaded


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_formats(ending, tmp_path, load):
    path = write(tmp_path / f"train.{ending}")
    data = load(path, f"data.files.validation={path}", text="review,title")
    assert data.task.label_names == ("bad", "good")  # found, sorted
    assert data.splits["train"]["text"][:] == [row["review"] for row in ROWS]
    assert data.splits["train"]["text_pair"][:] == [row["title"] for row in ROWS]
    assert data.splits["train"]["label"][:] == [1, 0, 1] * 4
    assert list(data.splits) == ["train", "validation"]


def test_tsv_has_no_quotes(tmp_path, load):
    path = tmp_path / "train.tsv"
    path.write_text('text\tlabel\n"open\tx\nclosed"\ty\n')
    data = load(path, f"data.files.validation={path}", text="text", label="label")
    assert data.splits["train"]["text"][:] == ['"open', 'closed"']


def test_validation_is_split_off_where_there_is_none(tmp_path, load):
    path = write(tmp_path / "train.csv")
    data = load(path, "data.validation_fraction=0.25")
    train, validation = data.splits["train"], data.splits["validation"]
    assert (len(train), len(validation), sum(validation["label"][:])) == (9, 3, 2)  # two of three rows are good
    assert sorted(train["idx"][:] + validation["idx"][:]) == list(range(12))


@pytest.mark.parametrize(
    ("labels", "names", "expected_names", "expected"),
    [
        (["b", "a", "c"], "null", ("a", "b", "c"), [1, 0, 2]),
        (["b", "a", "b"], "[b,a]", ("b", "a"), [0, 1, 0]),
        ([10, 2, 10], "null", ("2", "10"), [1, 0, 1]),  # as numbers: 2 before 10
        ([0, 1, 1], "[neg,pos]", ("neg", "pos"), [0, 1, 1]),  # class numbers, named
        ([1, 0, 0], "[1,0]", ("1", "0"), [0, 1, 1]),  # names win over numbers
        ([True, False, True], "null", ("False", "True"), [1, 0, 1]),
        ([1.0, 2.0, 1.0], "null", ("1", "2"), [0, 1, 0]),
        ([0.5, 2, 3.25], "[]", (), [0.5, 2.0, 3.25]),
    ],
)
def test_labels(labels, names, expected_names, expected, tmp_path, load):
    path = write(tmp_path / "t.jsonl", [{"review": "x", "stars": label} for label in labels])
    metric = [] if expected_names else ["data.metrics=[mse]", "data.primary_metric=mse"]
    data = load(path, f"data.files.validation={path}", f"data.label_names={names}", *metric)
    assert data.task.label_names == expected_names
    assert data.splits["train"]["label"][:] == expected
    assert data.task.space.kind.has_classes == bool(expected_names)


def test_test_file_may_lack_labels_unless_it_is_scored(tmp_path, load):
    path = write(tmp_path / "train.csv")
    bare = write(tmp_path / "bare.csv", [{"review": "x"}])
    assert "label" not in load(path, f"data.files.test={bare}").splits["test"].column_names
    with pytest.raises(UserError, match="data=custom: the test split has no labels in source 'custom'"):
        load(path, f"data.files.test={bare}", "data.evaluation_splits=[test]")


def test_scoring_the_test_file_leaves_train_whole(tmp_path, load, tokenizer):
    path = write(tmp_path / "train.csv")
    data = load(path, f"data.files.test={path}", "data.evaluation_splits=[test]")
    assert {split: len(part) for split, part in data.splits.items()} == {"train": 12, "test": 12}
    assert list(encode(data, tokenizer, 16)) == ["train", "test"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "review,stars\nx,good\ny\n", "t.csv line 3: 1 fields where the header has 2 (review, stars)"),
        ("t.csv", 'review,stars\n"x\ny",good\n"z,bad\n', "t.csv line 4: not valid CSV"),
        ("t.csv", 'review,stars\n"x\ny",good\n,bad\n', "t.csv line 4: the text in column 'review' is empty"),
        ("t.csv", "review,stars\nx,good\ny,\n", "t.csv line 3: no label in column 'stars'"),
        ("t.csv", "review,stars\n", "expected a header and one or more rows"),
        ("t.csv", "text,stars\nx,good\n", "no column 'review'; the columns are 'text', 'stars'"),
        ("t.csv", "review,label\nx,good\n", "no column 'stars'; the columns are 'review', 'label'"),
        ("t.tsv", "review\tstars\nx\n", "t.tsv line 2: 1 field where 2 are expected"),
        ("t.jsonl", '{"review": "x", "stars": 1}\n{bad\n', "t.jsonl line 2: not valid JSON"),
        ("t.jsonl", '{"review": "x", "stars": 1}\n[1]\n', "t.jsonl line 2: expected a JSON object"),
        ("t.jsonl", '{"review": "x", "stars": 1}\n\n{"stars": 0}\n', "t.jsonl line 3: None in column 'review' is not"),
        (
            "t.jsonl",
            '{"review": 3, "stars": 1}\n{"review": "x", "stars": 0}',
            "t.jsonl line 1: 3 in column 'review' is",
        ),
        ("t.jsonl", '{"review": "x", "stars": 0.5}\n', "for regression set data.label_names=[]"),
        ("t.jsonl", "", "the file has no rows"),
        ("t.jsonl", '{"review": "x", "stars": 1}\n', "expected two or more different names"),
        ("t.parquet", "not parquet", "not a readable Parquet file"),
        ("t.xlsx", "", "the ending '.xlsx' is none of .csv, .tsv, .jsonl, .parquet"),
    ],
)
def test_mistakes_in_a_file(name, content, message, tmp_path, load):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError, match=re.escape(message)):
        load(path, f"data.files.validation={path}")


def test_other_mistakes(tmp_path, load, data_config):
    path = write(tmp_path / "train.csv")
    with pytest.raises(UserError, match=r"no data file .*valid\.csv; the tables in its folder are train\.csv"):
        load(path, f"data.files.validation={tmp_path / 'valid.csv'}")
    with pytest.raises(UserError, match="label 'good' is none of 'bad', 'fine' \\(column 'stars'\\)"):
        load(path, "data.label_names=[bad,fine]")
    with pytest.raises(UserError, match="label 'good' in column 'stars' is not a finite number"):
        load(path, "data.label_names=[]")
    with pytest.raises(UserError, match=r"needs one source: data.path=NAME .* or data.files.train=FILE"):
        load_data(data_config("custom"), holdout=False)
    with pytest.raises(UserError, match="needs one source"):
        load(path, "data.path=some/set")
