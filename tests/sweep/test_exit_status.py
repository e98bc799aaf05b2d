"""A sweep that leaves a job to others, or unfinished, says so and does not end well."""

import os
import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import main
from src.cli import run_app
from src.config.overrides import prepare_override
from src.runs import lock
from src.runs.holder import Holder
from src.sweep import sweep_job
from src.sweep.folder_names import job_name
from src.sweep.sweep import raise_unless_finished
from src.sweep.sweep_job import BY_ANOTHER, Outcome
from src.training.interrupt import Interrupted
from src.utils import reuse
from src.utils.errors import UserError
from tests.conftest import NANO, call, compose_config
from tests.test_folder import tree

SHORT = [*NANO, "hydra/job_logging=none", "training.max_steps=1", "data.max_train_samples=40", "-m"]
HERE = "hydra/launcher=basic"  # Hydra's own: jobs run in this process


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch):
    monkeypatch.setattr(reuse, "_enabled", False)


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        ([Outcome("ok"), Outcome("failed", "why"), Outcome("skipped", "not started")], "1 of 3 jobs failed.*why"),
        ([Outcome("ok"), Outcome("interrupted", "by SIGTERM")], "1 of 2 jobs are not finished: 1 by SIGTERM .*: b"),
        ([Outcome("skipped", "not started")], "1 of 1 jobs are not finished: 1 not started"),
        ([Outcome("skipped", "running in process 7 on far"), Outcome("ok")], "1 running in process 7 on far .*: a"),
        ([Outcome("interrupted"), Outcome("skipped", "x"), Outcome("skipped", "x")], "3 of 3 .*: 2 x; 1 interrupted"),
        ([Outcome("ok"), Outcome("skipped"), Outcome("skipped", BY_ANOTHER)], None),
    ],
)
def test_what_is_left_is_an_error(outcomes, message):
    names = list("abc")[: len(outcomes)]
    if message is None:
        raise_unless_finished(names, outcomes)
    else:
        with pytest.raises(UserError, match=message):
            raise_unless_finished(names, outcomes)


def job_folder(sweep: Path, seed: int) -> Path:
    """Where the sweep puts the job of a seed."""
    own = [prepare_override(word) for word in (*SHORT[:-1], f"seed={seed}") if not word.startswith("hydra")]
    return sweep / job_name(own, compose_config(*own))


def fake(ended: list[str], **become: BaseException):
    """Stands for the training of a job: what becomes of it by its seed, ``ok`` else."""

    def run(cfg, folder, member):
        ended.append(f"seed={cfg.seed}")
        if (error := become.get(f"seed_{cfg.seed}")) is not None:
            raise error
        return 0.5

    return run


def test_a_job_that_another_process_holds(tmp_path, monkeypatch, capsys):
    """The others are run; the sweep names who holds the one, goes on with the same command, and says 2."""
    sweep, words = tmp_path / "sweep", [*SHORT, HERE, "seed=0,1"]
    ended: list[str] = []
    monkeypatch.setattr(sweep_job, "run_job", fake(ended))
    folder = job_folder(sweep, 0)
    folder.mkdir(parents=True)
    (folder / ".lock.1").write_text(Holder.myself("another's").text())
    before = tree(folder)
    assert call(monkeypatch, *words, f"sweep.dir={sweep}") == 2
    captured = capsys.readouterr()
    assert ended == ["seed=1"] and f"1 running in process {os.getpid()}" in captured.err
    assert "1 of 2 jobs are not finished" in captured.err and captured.err.splitlines()[-1].endswith(str(sweep))
    assert f"1 skipped: running in process {os.getpid()}" in captured.out
    left = tree(folder)
    assert {name: left[name] for name in before} == before


def test_a_strangers_folder_in_the_place_of_a_jobs(tmp_path, monkeypatch, capsys):
    sweep, words = tmp_path / "sweep", [*SHORT, HERE, "seed=0,1"]
    folder = job_folder(sweep, 1)
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "weights.bin").write_text("precious")
    ended: list[str] = []
    monkeypatch.setattr(sweep_job, "run_job", fake(ended))
    assert call(monkeypatch, *words, f"sweep.dir={sweep}") == 2
    error = capsys.readouterr().err
    assert f"{folder} holds adapter, and no record says" in error and "sweep.dir=" in error and not ended
    assert tree(folder) == {"adapter": True, "adapter/weights.bin": b"precious"}


def test_a_runs_folder_is_no_sweeps(tmp_path, monkeypatch, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text("{}")
    assert call(monkeypatch, *SHORT, HERE, "seed=0,1", f"sweep.dir={tmp_path}/run") == 2
    assert "holds a run, which would hide the sweep's" in capsys.readouterr().err
    assert tree(tmp_path / "run") == {"result.json": b"{}"}


def test_a_signal_ends_the_sweep_with_its_number(tmp_path, monkeypatch):
    ended: list[str] = []
    monkeypatch.setattr(sweep_job, "run_job", fake(ended, seed_0=Interrupted(15)))
    assert call(monkeypatch, *SHORT, HERE, "seed=0,1", f"sweep.dir={tmp_path}/sweep") == 128 + 15
    assert ended == ["seed=0"]


@pytest.mark.parametrize("future", [False, True])
def test_a_dead_owners_job_is_run(tmp_path, monkeypatch, future):
    """An owner from before the reboot, and one on another machine whose last sign is from the future."""
    sweep, ended = tmp_path / "sweep", []
    folder = job_folder(sweep, 0)
    folder.mkdir(parents=True)
    text = Holder.myself().text()
    if future:
        (folder / ".lock.1").write_text(text.replace('"boot": "', '"boot": "far').replace('"host": "', '"host": "far'))
        os.utime(folder / ".lock.1", (2**31, 2**31))
    else:
        monkeypatch.setattr("src.runs.holder._text", lambda path: "mine" if "machine" in path else "before")
        (folder / ".lock.1").write_text(Holder.myself().text())
        monkeypatch.setattr("src.runs.holder._text", lambda path: "mine" if "machine" in path else "now")
    assert lock.owner(folder) is None
    monkeypatch.setattr(sweep_job, "run_job", fake(ended))
    monkeypatch.setattr(sys, "argv", ["main.py", *SHORT, HERE, "seed=0", f"sweep.dir={sweep}"])
    GlobalHydra.instance().clear()
    run_app(main.main)
    assert ended == ["seed=0"]
