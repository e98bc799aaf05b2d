"""``compare --diff A B`` says in what two runs differ, and ``compare`` alone takes the newest sweep."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from src.__main__ import main
from src.compare.diff import EQUAL, diff
from src.utils.errors import UserError


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["src", *map(str, arguments)])
    monkeypatch.setattr(sys, "path", list(sys.path))
    return main()


@pytest.fixture
def copies(train, tmp_path) -> tuple[Path, Path]:
    """A run twice."""
    return tuple(Path(shutil.copytree(train(), tmp_path / name / "run")) for name in "ab")  # type: ignore[return-value]


def test_a_copy_is_equal(copies):
    one, other = copies
    assert list(diff(one, other))[2:] == [EQUAL]


def test_settings_versions_and_scores_are_named(copies):
    one, other = copies
    record = json.loads((other / "result.json").read_text())
    record["config"]["model"]["lora"]["r"] = 99
    record["config"]["model"]["adapter"]["r"] = 99
    record["config"]["training"]["more"] = None
    record["versions"]["torch"] = "1.2.3"
    value = record["metrics"]["selected"]["accuracy"]
    record["metrics"]["selected"]["accuracy"] = record["primary_metric"]["value"] = 0.25
    (other / "result.json").write_text(json.dumps(record))
    said = list(diff(one, other))[2:]
    assert "setting model.lora.r: 8 in A, 99 in B" in said
    assert "setting training.more: nothing in A, null in B" in said
    assert any(line.startswith("versions.torch: '") and line.endswith("in A, '1.2.3' in B") for line in said)
    assert f"scores differ: accuracy {value:.6g} in A, 0.25 in B" in said
    assert not any("adapter.r" in line or line.startswith(("predictions", "logits")) for line in said)


def test_two_sweeps_are_held_against_each_other_job_by_job(copies):
    one, other = copies
    shutil.copytree(one, one.parent / "only")
    said = list(diff(one.parent, other.parent))
    assert said[0].endswith("2 finished runs, 1 of them only here") and said[1] == "  only in A: only"
    assert said[-1] == "1 in both, 1 of them equal to the bit"


def test_mistakes(copies, monkeypatch, capsys):
    one, _ = copies
    assert call(monkeypatch, "compare", "--diff", one) == 2
    assert "--diff takes two folders, not 1" in capsys.readouterr().err
    (one.parent / "empty").mkdir()
    with pytest.raises(UserError, match="holds no finished run"):
        list(diff(one, one.parent / "empty"))


def test_without_a_folder_the_newest_sweep_is_compared(copies, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "compare") == 2
    assert "no run is in multirun or outputs" in capsys.readouterr().err
    shutil.move(copies[0].parent, tmp_path / "multirun" / "day" / "time")
    (tmp_path / "multirun" / "day" / "time" / "multirun.yaml").touch()
    assert call(monkeypatch, "compare", "--no-cache") == 0
    said = capsys.readouterr()
    assert "comparing the runs in multirun/day/time" in said.err and "1 folder: 1 run, 0 left out" in said.out
