"""A disk that fails at any moment: one message, a record that says so where it can, and the same numbers later."""

import contextlib
import errno
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.utils.paths import ROOT
from tests.conftest import NANO, call
from tests.faults.harness import Faults, Result, Trial

TINY = [*NANO, "training.max_steps=2", "data.max_train_samples=32", "data.max_eval_samples=16", "checkpoint.every=1"]
ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.ESTALE, errno.EACCES)
FUZZ = float(os.environ.get("PEFT_VERDICT_FUZZ", "1"))


def record(run: Path) -> dict:
    path = run / "result.json"
    return json.loads(path.read_text()) if path.exists() else {"status": None}


def messages(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("error: ")]


def kinds(calls: list[str]) -> list[int]:
    """The number of the first and of the last change of every kind: an operation on a file, without its numbers."""
    by_kind: dict[str, list[int]] = {}
    for line in calls:
        number, text = line.split(" ", 1)
        by_kind.setdefault(re.sub(r"\d+|\.tmp\w+", "", text), []).append(int(number))
    return sorted({number for found in by_kind.values() for number in (found[0], found[-1])})


def check(result: Result, run: Path, undisturbed: dict, recorded: bool = True) -> None:
    """A command that a fault met ends well with the right numbers, or badly in the one right way."""
    status = record(run)["status"]
    if result.status == 0:
        assert status == "ok" and record(run)["metrics"] == undisturbed["metrics"]
        return
    assert result.status == 2 and "Traceback" not in result.output, result.output
    told = messages(result.output)
    assert len(told) == 1 and str(run) in told[0], result.output
    if recorded:
        assert status in ("failed", None), result.output
    elif status == "running":
        assert "the record cannot say that the run is failed" in result.output, result.output


def let_a_minute_pass(run: Path) -> None:
    """What may be another process's file of this moment is left alone for a minute: make it older."""
    for path in run.glob(".new_lock.*"):
        os.utime(path, (path.stat().st_mtime - 120,) * 2)


def same(run: Path, undisturbed: dict, result: Result) -> None:
    assert result.status == 0, result.output
    assert record(run)["status"] == "ok" and record(run)["metrics"] == undisturbed["metrics"]
    assert not [path for path in run.iterdir() if re.match(r"\.(?!hydra$|lock\.)", path.name)], "what was left is gone"


@pytest.mark.parametrize("function", ["replace", pytest.param("fsync", marks=pytest.mark.slow)])
def test_the_last_word_of_a_run_is_refused(tmp_path, monkeypatch, capsys, function):
    """The run is done, and its record could not say ``ok``: it says ``failed``, and never stays at ``running``."""
    import src.runs.record as module

    write, refused = module.write_json, getattr(os, function)

    def refuse(*args, **kwargs):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def at_the_end(path, fields):
        with monkeypatch.context() as patch:
            if fields["status"] == "ok":
                patch.setattr(os, function, refuse)
            write(path, fields)

    monkeypatch.setattr(module, "write_json", at_the_end)
    assert call(monkeypatch, *TINY, "hydra/job_logging=none", f"hydra.run.dir={tmp_path}/run") == 2
    assert getattr(os, function) is refused
    assert len(messages(capsys.readouterr().err)) == 1
    assert record(tmp_path / "run")["status"] == "failed"


# What the walks need.


@pytest.fixture(scope="module")
def faults(tmp_path_factory) -> Iterator[Faults]:
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("needs gcc, for a library that lets calls of the system fail")
    with Faults(tmp_path_factory.mktemp("library")) as found:
        yield found


@pytest.fixture(scope="module")
def undisturbed(faults, tmp_path_factory) -> tuple[dict, list[str]]:
    """The record of an undisturbed run, and the changes that it made below its folder."""
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    result = faults.run(Trial("main", [*TINY, f"hydra.run.dir={run}"], [str(run)]))
    assert result.status == 0, result.output
    return record(run), result.calls


@pytest.mark.slow
@pytest.mark.parametrize("sticky", [False, True], ids=["once", "from then on"])
def test_every_change_of_a_run_can_fail(faults, undisturbed, tmp_path, sticky):
    expected, calls = undisturbed
    drawn = random.Random(int(sticky))
    cases = list(itertools.product(kinds(calls), ERRORS))
    for number, (at, code) in enumerate(drawn.sample(cases, min(len(cases), round(12 * FUZZ)))):
        run = tmp_path / str(number)
        trial = Trial("main", [*TINY, f"hydra.run.dir={run}"], [str(run)], at, code, sticky)
        check(faults.run(trial), run, expected, recorded=not sticky)
        let_a_minute_pass(run)
        same(run, expected, faults.run(Trial("main", trial.arguments, [str(run)])))


@pytest.mark.slow
def test_every_change_of_a_tunings_database_can_fail(faults, tmp_path):
    """The same command goes on, with as many trials as asked for: one that a disk ended does not count."""

    def tune(folder: Path, **fault: int) -> tuple[Result, list[float | None]]:
        options = [*TINY, "model=roberta_lora", "tune.trials=2", "tune.seeds=1", "hydra/launcher=basic"]
        result = faults.run(Trial("src", ["tune", *options, f"sweep.dir={folder}"], [str(folder)], **fault))
        summary = folder / "tune.json"
        trials = json.loads(summary.read_text())["synth_paraphrase_lora"]["trials"] if summary.exists() else []
        return result, [trial["holdout"] for trial in trials]

    result, expected = tune(tmp_path / "undisturbed")
    assert result.status == 0 and len(expected) == 2, result.output
    changes = [int(line.split()[0]) for line in result.calls if "study.sqlite" in line]
    for number, at in enumerate(random.Random(0).sample(changes, min(len(changes), round(3 * FUZZ)))):
        folder = tmp_path / str(number)
        result, _ = tune(folder, at=at, errno=ERRORS[number % 2], sticky=number % 3 == 0)
        assert "Traceback" not in result.output, result.output
        if result.status:
            assert len(messages(result.output)) == 1 and str(folder) in messages(result.output)[0]
        again, trials = tune(folder)
        assert again.status == 0 and len(trials) == 2 and None not in trials, again.output


@pytest.mark.slow
def test_a_run_whose_folder_is_removed_ends_in_one_message(undisturbed, tmp_path):
    """At any time, by another program. What is left is no half of a run: the same command trains anew."""
    drawn = random.Random(0)
    for number in range(round(3 * FUZZ)):
        run = tmp_path / str(number)
        command = [sys.executable, "main.py", *TINY, "training.max_steps=40", f"hydra.run.dir={run}"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wanted = run / drawn.choice(["result.json", "model_summary.txt", "checkpoint.pt", "history.jsonl"])
        while process.poll() is None and not wanted.exists():
            time.sleep(0.01)
        (tmp_path / f"gone-{number}").mkdir()
        run.rename(tmp_path / f"gone-{number}" / "run")
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 2 and "Traceback" not in output, output
        assert len(messages(output)) == 1 and str(run) in messages(output)[0], output


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_real_disk_becomes_full_at_every_size(faults, undisturbed, tmp_path):
    """Whatever room there is, a run that could begin says that it failed, and finishes when there is more."""
    drawn, statuses = random.Random(0), []
    with small_disk(tmp_path / "disk", 2**24) as disk:
        for number in range(round(8 * FUZZ)):
            run, filler = disk / f"run-{number}", disk / "filler"
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            filler.write_bytes(bytes(free - 4096 * drawn.randrange(400)))
            trial = Trial("main", [*TINY, f"hydra.run.dir={run}"], [str(run)])
            result = faults.run(trial)
            check(result, run, undisturbed[0])
            statuses.append(record(run)["status"])
            filler.unlink()
            same(run, undisturbed[0], faults.run(trial))
            shutil.rmtree(run)
    assert "failed" in statuses
