"""Whatever a run calls itself, every format of a comparison keeps its form, and nothing in it is obeyed."""

import csv
import io
import json
import re

import pandas as pd
import pytest
from rich.console import Console

from src.compare.comparison import compare_runs
from src.compare.present.chosen_columns import PAPER
from src.compare.present.formats import FORMATS, one_type, write_tidy
from src.compare.present.terminal_table import print_comparison
from src.compare.tables import Comparison
from src.runs.reading import find_runs
from src.utils.text import NUMBER, cell, latex, line, markdown, shown
from tests.compare.factory import ALPHA, NOTHING, Method, make_run
from tests.compare.latex_form import check_form

ODD = [
    "=cmd|'/c calc'!A0", "+1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "\uff1d1+1",
    "a\tb",
    "a\nb", "a\r\nb", "a,b", 'a"b', "a;b", "'a", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link",
    "\x9b31m", "\x00", "\x7f", "a\x08b", "a\x0bb", "a\u202eb", "a\u200bb", "a\u2028b", "\ufeffa", "[red]x[/red]",
    "[link=http://x]y[/link]", "|a|b|", "a|b", "`code`", "<script>alert(1)</script>", "<b>", "[a](http://x)",
    "![a](http://x)", "https://evil.example", "www.evil.example", "@someone", "\\", "\\|", "\\input{/etc/passwd}", "{",
    "}", "{}", "$x$", "a & b", "100%", "#1", "a^b", "a_b", "a~b", "[x]", "*x", "ünïcödé", "日本語", "🙂", "\U000e0041",
]  # fmt: skip
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory) -> dict[str, Comparison]:
    """A comparison of two methods and tasks for every odd name, which stands wherever a record has a name."""
    root, found = tmp_path_factory.mktemp("named"), {}
    for number, name in enumerate(ODD):
        folder = root / str(number)
        for seed in range(2):
            for method in (Method(name, ALPHA.skill), NOTHING):
                run = folder / f"{method is NOTHING}{seed}"
                make_run(run, method, seed, backbone=name, predictions=False, history=False)
                rename(run / "result.json", name)
        (folder / "broken").mkdir()
        (folder / "broken" / "result.json").write_text(
            json.dumps(
                {"schema_version": 1, "status": "failed", "error": {"message": name, "type": name, "traceback": None}}
            )
        )
        found[name] = compare_runs(find_runs([folder]), resamples=100)
    return found


def rename(file, name: str) -> None:
    record = json.loads(file.read_text())
    record["data"] = name
    record["primary_metric"]["name"] = name
    record["metrics"] = {when: {name: next(iter(own.values()))} for when, own in record["metrics"].items()}
    file.write_text(json.dumps(record))


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_every_format_keeps_its_form(name, comparisons):
    comparison = comparisons[name]
    if name.isprintable():
        assert len(comparison.tables) == 1 and len(comparison.tables[0].rows) == 2
    else:  # no record of ours has such a name: each is a line
        assert not comparison.tables and len(comparison.left_out) == 5
    for format_, write in FORMATS.items():
        text = write(comparison, True)
        assert not ACTING.search(text.replace("\n", "")), format_
    if comparison.tables:
        check_csv(FORMATS["csv"](comparison, True))
        check_markdown(FORMATS["markdown"](comparison, True))
        check_form(FORMATS["latex"](comparison, True))
        check_form(FORMATS["latex"](comparison, False, PAPER))
    stream = io.StringIO()
    print_comparison(comparison, Console(file=stream, width=200, force_terminal=True, color_system=None))
    assert not ACTING.search(stream.getvalue()) and "\x1b" not in stream.getvalue()


def check_csv(text: str) -> None:
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 3 and len({len(row) for row in rows}) == 1
    frame = pd.read_csv(io.StringIO(text))
    assert frame.shape == (2, len(rows[0])) and frame["mean"].dtype == float
    for value in (value for row in rows for value in row):
        assert not value.lstrip().startswith(("=", "+", "-", "@", "\uff1d")) or NUMBER.fullmatch(value), value


def check_markdown(text: str) -> None:
    for table in re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE):
        borders = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in table.splitlines()}
        assert len(table.splitlines()) == 4 and len(borders) == 1
    assert "](" not in text and "://" not in text and not re.search(r"<[a-zA-Z/!]|(?<!\\)`|@\w", text)


@pytest.mark.parametrize("value", [1, -1, 1.5, None, True, "1", "-1", "+1e-3", "-0.5 %", "1,000", "-inf", "+", "-"])
def test_a_number_stays_a_number(value):
    assert cell(value) == value


@pytest.mark.parametrize("text", ["plain", "größe", "日本語", "🙂 é", "a\nb\tc", "👩\u200d💻"])
def test_plain_text_stays(text):
    assert shown(text) == text


def test_what_acts_is_spelled_out():
    assert shown("a\x1b[31m\r\x9b\u202e\udcff") == "a\\x1b[31m\\x0d\\x9b\\u202e\\xff"
    assert line("a\r\nb\tc\u2028d") == "a b c d"
    assert cell("\n=1") == "' =1"
    assert latex("[x] -1") == "{[}x] $-$1"
    assert markdown("[a](b)") == r"[a]\(b)"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([["query"], "all-linear", None], ['["query"]', "all-linear", None]),
        ([8, "auto"], ["8", "auto"]),
        ([True, None], [True, None]),
        ([True, 1], ["true", "1"]),
        ([8, 0.5], [8.0, 0.5]),
        ([None, None], [None, None]),
        ([(1, 2), (3, 4)], ["[1, 2]", "[3, 4]"]),
        ([{"a": 1}, None], ['{"a": 1}', None]),
        ([10**30, 1], [str(10**30), "1"]),
    ],
)
def test_a_column_has_one_type(values, expected):
    assert one_type(values) == expected


def test_tidy_files_take_hyperparameters_of_mixed_types(tmp_path):
    mixed = {"targets": ["all-linear", ["query", "value"], None], "size": [8, "auto", 4], "flag": [True, None, False]}
    for seed in range(3):
        make_run(tmp_path / "runs" / str(seed), settings={key: values[seed] for key, values in mixed.items()})
    runs = find_runs([tmp_path / "runs"])
    for ending, read in ((".parquet", pd.read_parquet), (".csv", pd.read_csv)):
        write_tidy(runs, tmp_path / f"tidy{ending}")
        frame = read(tmp_path / f"tidy{ending}").set_index("run").sort_index()
        found = {key.rpartition(".")[2]: frame[key].tolist() for key in frame if key.startswith("model.")}
        assert found["targets"][:2] == ["all-linear", '["query", "value"]'] and pd.isna(found["targets"][2])
        assert found["size"] == ["8", "auto", "4"]
        assert found["flag"][::2] == [True, False] and pd.isna(found["flag"][1])
        assert frame["score"].dtype == float and frame["seed"].dtype == int


def test_a_tidy_csv_holds_no_formula(tmp_path):
    make_run(tmp_path / "run", Method("=1+1", 0.8, settings={"r": 8, "=x": "@y"}))
    write_tidy(find_runs([tmp_path]), tmp_path / "tidy.csv")
    rows = list(csv.reader((tmp_path / "tidy.csv").read_text().splitlines()))
    assert "'=1+1" in rows[1] and "'@y" in rows[1] and len(rows[0]) == len(rows[1])
