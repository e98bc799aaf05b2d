"""``python -m src audit`` from end to end, and the page's example as the command prints it."""

import json
import re

import pytest

from src.commands.audit import main
from src.utils.errors import UserError
from src.utils.paths import ROOT
from tests.compare.audit.tables import RTE

EXAMPLE = ROOT / "examples" / "published_rte.csv"


def test_the_example_is_the_papers_table(capsys):
    main([str(EXAMPLE), "--format", "json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert {row["method"]: (row["score"], row["deviation"]) for row in found["rows"]} == RTE
    assert {(row["seeds"], row["examples"]) for row in found["rows"]} == {(5, 277)}
    assert all(row["tied"] for row in found["rows"])


def test_the_page_shows_what_the_command_prints(capsys):
    main([str(EXAMPLE), "--format", "markdown"])
    printed = capsys.readouterr().out
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    assert printed.strip() in page


def test_the_table_in_the_terminal(capsys):
    main([str(EXAMPLE), "--baseline", "LoRA", "--correlation", "0.5"])
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "Tied with the best, VB-LoRA q,v: VeRA all linear, AdaLoRA" in printed
    assert "After Holm, 7 of 7 rows not told from LoRA." in printed
    assert "their answers correlated by 0.5, 8 rows" in printed


def test_one_run_a_row_is_said_to_be_one(tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text("method,score,examples,lr\na,47.8,1319,1\nb,40.4,1319,1\n")
    main([str(path), "--baseline", "a"])
    output = capsys.readouterr()
    printed = re.sub(r"\s+", " ", output.out)
    assert "Every row is one run" in printed and "worse than a: b" in printed
    assert "columns that are not read: lr" in output.err


def test_a_baseline_that_is_no_row_is_a_mistake():
    with pytest.raises(UserError, match="--baseline nope: a table has no such row; choices: AdaLoRA"):
        main([str(EXAMPLE), "--baseline", "nope"])
