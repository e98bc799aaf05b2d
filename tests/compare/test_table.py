"""Reading records and tabulating them."""

import io
import json

import pytest
from rich.console import Console

from src.__main__ import main as command
from src.compare.records import find_runs
from src.compare.table import print_table


def write(folder, **changes):
    record = {
        "schema_version": 1, "status": "ok", "method": "lora", "backbone": "nano", "data": "mrpc", "seed": 0,
        "primary_metric": {"name": "accuracy", "value": 0.875, "split": "validation"},
        "params": {"adapter": 1000, "router": 24, "head": 500, "trainable": 1524, "total": 15240},
        "time": {"train_s": 12.34}, "memory": {"peak_rss_mb": 700.4, "peak_device_mb": None}, "flags": [],
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(record | changes))


def shown(*roots) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    print_table(find_runs(roots), console=console)
    return console.export_text()


def test_the_columns(tmp_path):
    write(tmp_path / "a")
    row = next(line for line in shown(tmp_path).splitlines() if "lora" in line)
    for cell in ("0.8750", "1,024", "500", "10.00 %", "12.3 s", "700 MB"):
        assert cell in row


def test_the_best_comes_first_within_a_task(tmp_path):
    for name, value in (("low", 0.5), ("high", 0.9), ("middle", 0.7)):
        write(tmp_path / name, method=name, primary_metric={"name": "accuracy", "value": value, "split": "validation"})
    text = shown(tmp_path)
    assert text.index("high") < text.index("middle") < text.index("low")


def test_what_cannot_be_compared_is_listed_with_its_reason(tmp_path):
    write(tmp_path / "good")
    write(tmp_path / "crashed", status="failed", error={"message": "out of memory", "type": "x"})
    write(tmp_path / "going", status="running")
    write(tmp_path / "newer", schema_version=99)
    write(tmp_path / "nan", primary_metric={"name": "accuracy", "value": None}, flags=["metric_is_nan"])
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "result.json").write_text('{"schema_version": 1, "sta')
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "result.json").write_text("[]")
    (tmp_path / "loop").symlink_to(tmp_path)
    text = shown(tmp_path)
    for reason in (
        "out of memory",
        "not finished",
        "newer program",
        "metric_is_nan",
        "half: unreadable",
        "not a record",
    ):
        assert reason in text
    assert text.count("lora") == 1


def test_a_run_named_twice_is_read_once(tmp_path):
    write(tmp_path / "a" / "run")
    assert len(find_runs([tmp_path, tmp_path / "a", tmp_path / "a" / "run"])) == 1


def test_names_are_data_and_no_markup(tmp_path):
    write(tmp_path / "run", method="[red]x[/red]")
    assert "[red]x[/red]" in shown(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--help"], 0, "compare"),
        (["compere"], 2, "no such command; choices: compare"),
        (["compare", "/nowhere"], 2, "/nowhere: no such folder"),
        (["compare", "{tmp}"], 2, "no run to compare"),
    ],
)
def test_the_command(arguments, code, text, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["src", *(argument.format(tmp=tmp_path) for argument in arguments)])
    assert command() == code
    output = capsys.readouterr()
    assert text in output.out + output.err
