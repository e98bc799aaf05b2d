"""No output takes the place of an input or of a run's own files, whatever it is called and however it is linked."""

import os
import sys
from pathlib import Path

import pytest

from src.__main__ import main
from src.deploy.output import keep_inputs
from src.utils.errors import UserError
from tests.compare.factory import make_run
from tests.test_folder import tree

OWN = (
    "result.json", "history.jsonl", "predictions.parquet", "model_summary.txt", "checkpoint.pt", "main.log", ".lock.1",
    ".hydra/config.yaml", "adapter/adapter.json", "adapter/adapter.safetensors", "profile/summary.txt",
)  # fmt: skip
# What a run has or would have, given as it is, with a detour, over the folder's link, by a link, by a second name.
WAYS = {
    "plain": lambda file, aside: file,
    "detour": lambda file, aside: file.parent / ".." / file.parent.name / "." / file.name,
    "relative": lambda file, aside: Path(os.path.relpath(file)),
    "folder's link": lambda file, aside: link(aside / "folder", file.parent) / file.name,
    "link": lambda file, aside: link(aside / f"link{file.suffix}", file),
    "hard link": lambda file, aside: hard_link(aside / f"hard{file.suffix}", file),
}


def link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


def hard_link(path: Path, target: Path) -> Path:
    path.hardlink_to(target)
    return path


@pytest.fixture
def run(tmp_path) -> Path:
    """A finished run with every file that one can have."""
    folder = make_run(tmp_path / "runs" / "run")
    for name in OWN:
        (folder / name).parent.mkdir(exist_ok=True)
        if not (folder / name).exists():
            (folder / name).write_text(f"the run's {name}")
    return folder


def call(monkeypatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["src", *map(str, arguments)])
    return main()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OWN)
def test_a_runs_own_files_are_nobodys_output(name, way, run, tmp_path):
    (tmp_path / "aside").mkdir()
    out = WAYS[way](run / name, tmp_path / "aside")
    with pytest.raises(UserError, match=r"file of the run|is read"):
        keep_inputs("--out", out, runs=[run])
    if way != "hard link" and name != "result.json":  # what is not there would be taken for the run's afterwards
        (run / name).unlink()
        with pytest.raises(UserError, match="file of the run"):
            keep_inputs("--out", out)


@pytest.mark.parametrize("way", WAYS)
def test_an_input_is_no_output(way, tmp_path):
    (tmp_path / "aside").mkdir()
    (tmp_path / "in").mkdir()
    for name in ("rows.tsv", "other.tsv"):
        (tmp_path / "in" / name).write_text("text\na\n")
    out = WAYS[way](tmp_path / "in" / "rows.tsv", tmp_path / "aside")
    for inputs in ([tmp_path / "in" / "rows.tsv"], [tmp_path / "in"]):
        with pytest.raises(UserError, match="is read: an output replaces no input"):
            keep_inputs("--out", out, inputs)
    keep_inputs("--out", out, [tmp_path / "in" / "other.tsv"])
    keep_inputs("--out", tmp_path / "in" / "new.tsv", [tmp_path / "in"])


@pytest.mark.parametrize("way", ["plain", "link", "hard link"])
def test_every_command_with_an_in_and_an_out_is_refused(way, run, tmp_path, monkeypatch, capsys):
    (tmp_path / "aside").mkdir()
    rows, backbone = tmp_path / "rows.tsv", tmp_path / "backbone"
    rows.write_text("text\ta\n")
    backbone.mkdir()
    (backbone / "config.json").write_text("{}")

    def other(file: Path) -> Path:
        for path in (tmp_path / "aside").iterdir():
            path.unlink()
        return WAYS[way](file, tmp_path / "aside")

    commands = [
        *(["compare", run.parent, "--no-cache", option, run / name]
          for option in ("--html", "--tidy", "--figures") for name in ("result.json", "predictions.parquet")),
        *(["predict", run, "--file", rows, "--out", file] for file in (rows, run / "result.json")),
        *([command, run, "--out", run / "history.jsonl"] for command in ("merge", "export", "analyze")),
        ["export", "--from-peft", run / "adapter", "--out", run / "adapter" / "adapter.json"],
        ["recover", "--backbone", backbone, "--out", backbone / "config.json"],
        ["bench", "--json", run / "result.json"],
        ["bench", "--plots", run / "adapter"],
    ]  # fmt: skip
    if way == "hard link":  # a second name of a run's file that a command does not read is any file, a folder has none
        commands = [words for words in commands if words[0] != "bench"]
    for *words, file in commands:
        out = other(file)
        before = tree(tmp_path)
        assert call(monkeypatch, *words, out) == 2, words
        error = capsys.readouterr().err
        assert error.startswith(f"error: {words[-1]}={out} ") and len(error.splitlines()) == 1, error
        assert tree(tmp_path) == before, words


def test_two_outputs_of_one_command_are_two_files(run, tmp_path, monkeypatch, capsys):
    words = ["compare", run, "--no-cache", "--tidy", tmp_path / "a.csv", "--html", tmp_path / "b" / ".." / "a.csv"]
    assert call(monkeypatch, *words) == 2
    assert "--tidy and --html name one file" in capsys.readouterr().err and not (tmp_path / "a.csv").exists()


def test_what_is_replaced_is_an_earlier_output(run, tmp_path, monkeypatch):
    for _ in range(2):
        assert call(monkeypatch, "compare", run, "--no-cache", "--tidy", tmp_path / "a.csv") == 0
    assert call(monkeypatch, "compare", run, "--no-cache", "--tidy", run / "table.csv") == 0, "not one of the run's own"
