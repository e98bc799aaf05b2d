"""How labels are written is decided once, from train, whatever the format; what is no class is named by its place."""

import datetime
import os
import re
import subprocess
import sys

import pytest

from src.data.label_encoding import decide_labels, unlabelled_split
from src.data.normalise import check_characters, rows_of
from src.tasks.classification import class_numbers
from src.utils.errors import UserError
from src.utils.paths import ROOT
from tests.data.test_data_custom import load, write

assert load  # the fixture

ENDINGS = ("csv", "tsv", "jsonl", "parquet")


def rows(labels):
    return [{"review": f"text {number}", "stars": label} for number, label in enumerate(labels)]


def place(ending, file, row):
    """Where a row of a written file stands: the first one below a header, in JSON on the first line."""
    return {"jsonl": f"{file} line {row + 1}", "parquet": f"{file} row {row}"}.get(ending, f"{file} line {row + 2}")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize(
    ("train", "other", "names", "message"),
    [
        (["1", "2", "1"], ["1", "0"], "null", "label '0' is none of '1', '2'"),
        (["1", "2", "1"], ["0", "1"], "[a,b]", "label '1' is none of 'a', 'b'"),  # in train: neither names nor numbers
        (["0", "1", "1"], ["0", "a"], "[a,b]", "label 'a' is none of '0', '1'"),
        (["a", "b", "a"], ["a", "1"], "[a,b]", "label '1' is none of 'a', 'b'"),
        (["good", "bad"], ["good", "Bad"], "null", "label 'Bad' is none of 'bad', 'good'"),
    ],
)
def test_a_label_that_train_does_not_write_is_refused(ending, split, train, other, names, message, tmp_path, load):
    first = write(tmp_path / f"t.{ending}", rows(train))
    second = write(tmp_path / f"v.{ending}", rows(other))
    with pytest.raises(UserError) as error:
        load(first, f"data.files.{split}={second}", f"data.evaluation_splits=[{split}]", f"data.label_names={names}")
    if names == "[a,b]" and train[0] == "1":
        assert re.search(
            re.escape(place(ending, "t." + ending, 0)) + ": label '1' is none of 'a', 'b'", str(error.value)
        )
    else:
        assert f"{place(ending, 'v.' + ending, 1)}: {message}" in str(error.value)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_numbers_are_names_or_numbers_in_all_splits_alike(ending, split, tmp_path, load):
    """Labels 0 and 1 alone in a split of classes 1 and 0, and of named classes, mean what they mean in train."""
    first = write(tmp_path / f"t.{ending}", rows(["1", "0", "2"]))
    second = write(tmp_path / f"v.{ending}", rows(["0", "1", "1"]))
    options = [f"data.files.{split}={second}", f"data.evaluation_splits=[{split}]"]
    assert load(first, *options).splits[split]["label"][:] == [0, 1, 1]
    assert load(first, *options, "data.label_names=[2,1,0]").splits[split]["label"][:] == [2, 1, 1]
    assert load(first, *options, "data.label_names=[x,y,z]").splits[split]["label"][:] == [0, 1, 1]


def test_a_listed_class_may_be_absent_from_train(tmp_path, load):
    first = write(tmp_path / "t.csv", rows(["a", "b", "a"]))
    second = write(tmp_path / "v.csv", rows(["c", "a"]))
    data = load(first, f"data.files.validation={second}", "data.label_names=[a,b,c]")
    assert data.splits["validation"]["label"][:] == [2, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["1", "01", "1"], "label '01' in column 'stars' is '1' of"),
        (["1.0", "1"], "label '1' in column 'stars' is '1.0' of"),
        (["+1", "2", "1"], "label '1' in column 'stars' is '+1' of"),
        (["0", "-0"], "label '-0' in column 'stars' is '0' of"),
        (["3.25", "0.5", "1", "2"], "label 3.25 in column 'stars' is no class where all labels are numbers"),
        (["1", "1e-3"], "for regression set data.label_names=[]"),
        (["a", "", "b"], "no label in column 'stars'"),
        (["a", "  ", "b"], "no label in column 'stars'"),
    ],
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_text_that_is_no_class(ending, labels, message, tmp_path, load):
    path = write(tmp_path / f"t.{ending}", rows(labels))
    with pytest.raises(UserError, match=re.escape(message)) as error:
        load(path, f"data.files.validation={path}")
    assert re.search(r"t\.\w+ (line|row) \d+: ", str(error.value))


@pytest.mark.parametrize(
    "value",
    [["x", "y"], {"a": 1}, b"x", ("x",), {1}, datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1), 1j, object()],
)
def test_a_value_that_is_no_class(value):
    with pytest.raises(UserError, match=r"place row 1: label .* is no class but a"):
        decide_labels(["x", value], "stars", rows_of("place"), None)


@pytest.mark.parametrize("value", [0.5, float("inf"), -float("inf"), 1e-9])
def test_a_number_that_is_no_class(value):
    with pytest.raises(UserError, match=r"is no class; for regression set data.label_names=\[\]"):
        decide_labels([1.0, value], "stars", rows_of("place"), None)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["10", "9", "-3", "+4"], ("-3", "+4", "9", "10")),  # by value
        (["--1", "1", "0"], ("--1", "0", "1")),  # a text, so all are
        (["²", "1"], ("1", "²")),
        (["\u0661", "2"], ("2", "\u0661")),
        ([" a", "a ", "b"], ("a", "b")),
        ([1, "1", 1.0, 2], ("1", "2")),
        ([True, False], ("False", "True")),
        (["12345678901234567890", "12345678901234567891"], ("12345678901234567890", "12345678901234567891")),
        (["1.5.2", "1.5.1"], ("1.5.1", "1.5.2")),
        ([10**400, 1], ("1", str(10**400))),
    ],
)
def test_classes_found_in_train(values, names):
    assert decide_labels(values, "stars", rows_of("place"), None).names == names


def test_the_order_of_classes_does_not_depend_on_the_hash_seed():
    code = (
        "from src.data.label_encoding import decide_labels;"
        "print(decide_labels(['b','01x','1x','a','10','9','é','B'], 'c', str, None).names)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": str(seed)}, text=True,
            capture_output=True, check=True,
        ).stdout
        for seed in (0, 1, 2)
    }  # fmt: skip
    assert found == {"('01x', '10', '1x', '9', 'B', 'a', 'b', 'é')\n"}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("empty", ["", "-1", " "])
@pytest.mark.parametrize("names", ["null", "[]"])
def test_a_test_file_of_empty_labels_is_unlabelled(ending, empty, names, tmp_path, load):
    labels = ["1", "2", "1"]
    first = write(tmp_path / f"t.{ending}", rows(labels))
    second = write(tmp_path / f"u.{ending}", rows([empty] * 3))
    metric = ["data.metrics=[mse]", "data.primary_metric=mse"] if names == "[]" else []
    options = [f"data.files.validation={first}", f"data.files.test={second}", f"data.label_names={names}"]
    assert "label" not in load(first, *options, *metric).splits["test"].column_names


def test_minus_one_is_a_label_where_train_says_so(tmp_path, load):
    first = write(tmp_path / "t.csv", rows(["-1", "1", "1"]))
    second = write(tmp_path / "u.csv", rows(["-1", "-1"]))
    data = load(first, f"data.files.validation={first}", f"data.files.test={second}")
    assert data.splits["test"]["label"][:] == [0, 0]


def test_scores_of_minus_one_among_others_are_scores(tmp_path, load):
    first = write(tmp_path / "t.csv", rows(["-1", "0.5", "1"]))
    data = load(first, f"data.files.validation={first}", f"data.files.test={first}", "data.label_names=[]",
                "data.metrics=[mse]", "data.primary_metric=mse")  # fmt: skip
    assert data.splits["test"]["label"][:] == [-1.0, 0.5, 1.0]


@pytest.mark.parametrize("values", [["a", "", "b"], ["", "a"], [None, "a"], ["a", float("nan")]])
def test_a_test_file_labelled_in_part_is_refused(values):
    labels = decide_labels(["a", "b"], "stars", rows_of("train"), None)
    with pytest.raises(UserError, match=r"test row \d: no label .* a test file is labelled whole or not at all"):
        unlabelled_split(values, "stars", rows_of("test"), labels)


@pytest.mark.parametrize("value", [True, b"3.5", "1_000", "\u0663", "nan", "inf", 1e400, 10**400, "x", "", None, [1]])
def test_what_is_no_score(value, tmp_path, load):
    from src.data.normalise import normalise

    with pytest.raises(UserError, match=r"place row 0: label .* is not a finite number"):
        normalise({"t": ["a"], "s": [value]}, text=["t"], label="s", label_names=[], place=rows_of("place"))


def test_class_numbers_are_positions():
    assert class_numbers(["b", "a"], ["a", "b"], "c", rows_of("x")) == [1, 0]


REPEATED = {
    "csv": b"review,stars,review\na,1,b\nc,2,d\n",
    "tsv": b"review\tstars\treview\na\t1\tb\nc\t2\td\n",
    "jsonl": b'{"review": "a", "stars": 1, "review": "b"}\n{"review": "c", "stars": 2}\n',
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_two_columns_of_one_name_are_refused(ending, tmp_path, load):
    path = tmp_path / f"t.{ending}"
    if ending == "parquet":
        import pyarrow as pa
        import pyarrow.parquet

        table = pa.table([pa.array(["a"]), pa.array(["1"]), pa.array(["b"])], names=["review", "stars", "review"])
        pyarrow.parquet.write_table(table, path)
    else:
        path.write_bytes(REPEATED[ending])
    with pytest.raises(UserError, match=r"t\.\w+( line 1)?: two columns are named 'review'"):
        load(path, f"data.files.validation={path}")


def test_nameless_columns_of_a_spreadsheet_are_no_mistake(tmp_path, load):
    path = tmp_path / "t.csv"
    path.write_text("review,stars,,\na,1,,\nb,2,,\n")
    assert load(path, f"data.files.validation={path}").splits["train"]["text"][:] == ["a", "b"]


def test_half_a_character_is_named_by_its_line(tmp_path, load):
    path = tmp_path / "t.jsonl"
    path.write_text('{"review": "a", "stars": 1}\n{"review": "b\\ud800", "stars": 2}\n')
    with pytest.raises(UserError, match=r"t\.jsonl line 2: 'review' holds '\\ud800' \(character 2\)"):
        load(path, f"data.files.validation={path}")
    path.write_text('{"review": "a \\ud83d\\ude00", "stars": 1}\n{"review": "b", "stars": 2}\n')  # a whole one
    assert load(path, f"data.files.validation={path}").splits["train"]["text"][:] == ["a \U0001f600", "b"]


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb"])
def test_half_a_character(text):
    with pytest.raises(UserError, match=r"here holds .* half of a surrogate pair"):
        check_characters(text, lambda: "here")
