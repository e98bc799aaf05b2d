"""What ``python -m src list`` prints, and how commands are found."""

import sys

import pytest

from src.__main__ import main
from src.commands import table
from src.commands.list import SORTS
from src.config.choices import choices
from src.metrics import metric_names
from src.tasks import KINDS

NAMES = {
    "methods": choices("model"),
    "tasks": choices("data"),
    "backbones": choices("backbone"),
    "kinds": list(KINDS),
    "metrics": metric_names(),
    "commands": list(table.commands()),
}


def call(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["src", *arguments])
    return main()


@pytest.mark.parametrize("what", NAMES)
def test_everything_has_a_line(what, monkeypatch, capsys):
    assert call(monkeypatch, "list", what) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES[what]
    assert all(len(line.split()) >= 4 and len(line) <= 200 for line in lines)


def test_without_a_word_all_are_listed(monkeypatch, capsys):
    assert call(monkeypatch, "list") == 0
    printed = capsys.readouterr().out
    assert set(NAMES) == set(SORTS) and all(f"{name}:\n" in printed for name in NAMES)


def test_errors_say_that_lower_is_better(monkeypatch, capsys):
    call(monkeypatch, "list", "metrics")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "lower is better" in line] == ["mae", "mse"]


def test_a_command_is_a_file_and_nothing_else(tmp_path, monkeypatch):
    """A file with a main is one, its line of help the first of its docstring; others are not."""
    (tmp_path / "hello.py").write_text('"""``python -m src hello NAME``: greet somebody."""\ndef main(words): ...\n')
    (tmp_path / "helper.py").write_text('"""No command."""\ndef other(): ...\n')
    monkeypatch.setattr(table, "__file__", str(tmp_path / "table.py"))
    assert table.commands.__wrapped__() == {"hello": "greet somebody"}


def test_old_names_lead_to_commands():
    assert set(table.RENAMED.values()) <= set(table.commands()) and not table.RENAMED.keys() & set(table.commands())


def test_an_unknown_command_lists_the_known(monkeypatch, capsys):
    assert call(monkeypatch, "nope") == 2
    assert "nope: no such command; choices: analyze, audit, bench" in capsys.readouterr().err
