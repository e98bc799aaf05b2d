"""What stands in a label column by mistake: refused by file and line unless the user names it as a class."""

import datetime
import decimal
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.data.sources.custom import load_custom
from src.data.sources.table_files import read_table
from src.utils.errors import UserError


def load(file, names=None, text=("text",)):
    source = {"path": None, "config": None, "revision": None, "splits": {}}
    files = {"train": str(file), "validation": str(file)}
    columns = {"text": list(text), "label": "label", "label_names": names}
    rest = {"evaluation_splits": ["validation"], "validation_fraction": 0.1}
    return load_custom(**source, files=files, **columns, **rest)["train"]


def table(path, labels):
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"text": ["a"] * len(labels), "label": labels}), path)
    else:
        path.write_text("".join(json.dumps({"text": "a", "label": label}) + "\n" for label in labels))
    return path


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("['x', 'y']", "is no class but a list written as text"),
        ('["x"]', "is no class but a list"),
        ("{'x': 1}", "is no class but a dict"),
        ("b'x'", "is no class but a bytes"),
        ("('x', 1)", "is no class but a tuple"),
        ("x\ny", "is not one line of text"),
        ("x\ty", "is not one line of text"),
    ],
)
def test_text_that_is_no_class(ending, label, message, tmp_path):
    path = table(tmp_path / f"t.{ending}", ["a", label])
    place = "line 2" if ending == "jsonl" else "row 1"
    with pytest.raises(UserError, match=re.escape(f"{path.name} {place}: label {label!r} in column 'label' {message}")):
        load(path)
    if "line" not in message:
        assert load(path, ["a", label])["label"][:] == [0, 1]  # named, so meant


@pytest.mark.parametrize("label", ["nan", "NaN", "inf", "-inf", "Infinity", "<NA>"])
def test_a_gap_or_overflow_among_numbers(label, tmp_path):
    path = table(tmp_path / "t.jsonl", ["1", label, "2"])
    with pytest.raises(UserError, match=r"t\.jsonl line 2: label .* is no class where all others are numbers"):
        load(path)
    assert load(table(path, ["fr", label]))["label"][:] in ([0, 1], [1, 0])  # a language's code may be one


def test_brackets_are_no_list_by_themselves(tmp_path):
    assert load(table(tmp_path / "t.jsonl", ["[POS]", "[NEG]", "(a)"])).features["label"].names[1:] == [
        "[NEG]",
        "[POS]",
    ]


@pytest.mark.parametrize("labels", [[True, 1, 0], [True, "yes"], [1, True]], ids=str)
def test_booleans_and_others_are_mixed(labels, tmp_path):
    with pytest.raises(UserError, match=r"t\.jsonl line 2: .*: booleans and other labels are mixed"):
        load(table(tmp_path / "t.jsonl", labels))


def test_decimals_and_dates(tmp_path):
    whole = [decimal.Decimal("2.00"), decimal.Decimal("1.00")]
    assert load(table(tmp_path / "t.parquet", whole)).features["label"].names == ["1", "2"]
    with pytest.raises(UserError, match=r"row 1: .* for regression set data.label_names=\[\]"):
        load(table(tmp_path / "t.parquet", [decimal.Decimal("2.00"), decimal.Decimal("1.50")]))
    with pytest.raises(UserError, match=r"row 0: label .* is no class but a datetime"):
        load(table(tmp_path / "t.parquet", [datetime.datetime(2026, 1, 2)] * 2))


@pytest.mark.parametrize("names", [["a", "a "], ["a", ""], ["a", "b", "a"]])
def test_names_that_are_the_same_label(names, tmp_path):
    with pytest.raises(UserError, match=r"data\.label_names=.*: a name is empty, or two are the same label"):
        load(table(tmp_path / "t.jsonl", ["a", "b"]), names)


@pytest.mark.parametrize("score", [1e39, -1e39, 10**400])
def test_a_score_that_float32_cannot_hold(score, tmp_path):
    with pytest.raises(UserError, match=r"line 2: .* is not a finite number"):
        load(table(tmp_path / "t.jsonl", [0.5, score]), [])


@pytest.mark.parametrize("text", [["text", "text"], ["label"], ["text", "label"]])
def test_a_column_has_one_part(text, tmp_path, data_config):
    from src.data.load import load_data

    path = table(tmp_path / "t.jsonl", ["a", "b"])
    chosen = [f"data.files.train={path}", f"data.files.validation={path}", f"data.text=[{','.join(text)}]"]
    with pytest.raises(UserError, match="expected different columns"):
        load_data(data_config("custom", *chosen), holdout=False)


def test_a_mistake_in_a_line_of_json_is_told_once(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"text": "a", "text": "b"}\n')
    with pytest.raises(UserError) as error:
        read_table(tmp_path / "t.jsonl")
    assert str(error.value).count("line 1") == 1 and "not valid JSON" not in str(error.value)


def test_text_in_parquet_that_is_not_utf8_is_named_by_its_row(tmp_path):
    column = pa.array([b"fine", b"\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": column}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"t\.parquet row 1: the value in column 'text' cannot be read"):
        read_table(tmp_path / "t.parquet")
