"""A process that was stopped for long, and whose folder another one has taken over, writes nothing when it wakes up."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from src.cli import ROOT
from src.runs import lock
from src.runs.holder import Holder
from src.runs.lock import holding, locked
from src.runs.record import Record
from src.sweep.sweep_job import execute
from src.training.run import run_job
from src.utils import fence
from src.utils.fence import LostLockError
from src.utils.files import append_line, whole, write_whole
from tests.conftest import NANO, compose_config
from tests.test_folder import tree

STALE = 0.5
# Another machine with the same folder: its processes cannot be seen from here, so their signs of life count.
ELSEWHERE = f"""
import dataclasses, sys
from src.runs import holder, lock
lock.STALE, lock.HEARTBEAT = {STALE}, {STALE / 5}
here = holder.Holder.myself.__func__
holder.Holder.myself = classmethod(lambda cls, token="": dataclasses.replace(here(cls, token), boot="far", host="far"))
"""
WRITES = """
from pathlib import Path
from src.utils.fence import LostLockError
from src.utils.files import append_line, whole, write_whole
from src.runs.record import Record, write_json
from tests.conftest import NANO, compose_config
folder, cfg = Path(sys.argv[1]), compose_config(*NANO)
def wrote(path):
    with whole(path) as temporary:
        temporary.write_text("late")
def late(record):
    return {
        "record": lambda: record.update(status="ok"), "history": lambda: record.log(event="late"),
        "text": lambda: record.write_text("model_summary.txt", "late"), "start": lambda: record.start_over(),
        "adapter": lambda: write_whole(folder / "adapter" / "adapter.json", "late"),
        "checkpoint": lambda: wrote(folder / "checkpoint.pt"), "line": lambda: append_line(folder / "x.jsonl", "late"),
        "predictions": lambda: wrote(folder / "predictions.parquet"), "end": lambda: record.__exit__(None, None, None),
        "failure": lambda: record.__exit__(ValueError, ValueError("late"), None),
    }
with lock.locked(folder):
    record = Record(folder, cfg)
    with record:
        with whole(folder / "history.jsonl") as temporary:  # stopped within a write
            temporary.write_text("{}\\n")
            print("ready", flush=True)
            sys.stdin.readline()
        print("unexpected")
"""
STOPPED = """
with lock.locked(folder):
    record = Record(folder, cfg)
    record.__enter__()
    record.log(event="early")
    print("ready", flush=True)
    sys.stdin.readline()
    for name, write in late(record).items():
        try:
            write()
            print(name, "wrote")
        except LostLockError as error:
            print(name, "ended:", error)
"""


def files_of(folder: Path) -> dict[str, object]:
    """A folder's files, but for the room that a run keeps for its last word, and gives back whoever owns the folder."""
    return {name: content for name, content in tree(folder).items() if not name.startswith(".reserve.")}


def child(script: str, folder: Path) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "ready\n", process.communicate()
    return process


def stop_and_take_over(process: subprocess.Popen, folder: Path, monkeypatch) -> dict[str, object]:
    """Stop it until its lock is stale; then another owner works in the folder, to its end. Returns what it leaves."""
    monkeypatch.setattr(lock, "STALE", STALE)
    os.kill(process.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while (held := lock.owner(folder)) and time.monotonic() < deadline:
        assert held == f"process {process.pid} on far"
        time.sleep(0.05)
    with locked(folder):
        (folder / "adapter").mkdir(exist_ok=True)
        for name in ("result.json", "history.jsonl", "predictions.parquet", "checkpoint.pt", "adapter/adapter.json"):
            write_whole(folder / name, "the new owner's")
    return files_of(folder)


def test_every_write_of_a_stopped_process_is_refused(tmp_path, monkeypatch):
    head, _, _ = WRITES.partition("with lock.locked")
    process = child(ELSEWHERE + head + STOPPED, tmp_path)
    left = stop_and_take_over(process, tmp_path, monkeypatch)
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate("go\n", timeout=60)
    told = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert len(told) == 10 and process.returncode == 0, err
    failure = told.pop("failure")
    assert failure == "wrote", "what ended the run is told, and nothing is written: the folder shows it"
    assert all("another process has worked in it since" in text for text in told.values()), told
    assert files_of(tmp_path) == left


def test_a_process_stopped_within_a_write_does_not_end_it(tmp_path, monkeypatch):
    process = child(ELSEWHERE + WRITES, tmp_path)
    left = stop_and_take_over(process, tmp_path, monkeypatch)
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate("go\n", timeout=60)
    assert "LostLockError" in err and "unexpected" not in out
    assert {name: text for name, text in left.items() if not name.startswith(".history")} == files_of(tmp_path)


def take_over(folder: Path) -> None:
    """Another machine's process takes the folder, whatever is there."""
    (last,) = folder.glob(".lock.*")
    last.unlink()
    number = int(last.name.rpartition(".")[2]) + 1
    far = json.loads(Holder.myself("far").text()) | {"host": "far", "boot": "far", "pid": 7}
    (folder / f".lock.{number}").write_text(json.dumps(far))
    (folder / "result.json").write_text('{"status": "running"}')


SHORT = [*NANO, "data.max_train_samples=40", "data.max_eval_samples=16", "training.max_steps=3"]


@pytest.mark.parametrize("where", [pytest.param("log", marks=pytest.mark.slow), "update"])
def test_a_job_that_was_taken_over_is_told_so_by_the_sweep(where, tmp_path, monkeypatch):
    """In the middle of its training: the outcome names the new owner, and what that one writes stays."""
    method, left = getattr(Record, where), {}

    def write(self, **fields):
        if where == "log" or "params" in fields:
            take_over(tmp_path)
            left.update(files_of(tmp_path))
        return method(self, **fields)

    monkeypatch.setattr(Record, where, write)
    cfg = compose_config(*SHORT)
    hydra = OmegaConf.create({"hydra": {"runtime": {"output_dir": str(tmp_path)}}})
    monkeypatch.setattr(HydraConfig, "get", lambda: hydra.hydra)
    with open_dict(cfg):
        outcome = execute(cfg)
    assert (outcome.status, outcome.reason) == ("skipped", "running in process 7 on far") and not outcome.finished
    assert left and files_of(tmp_path) == left


def test_a_lost_run_ends_with_one_message_and_a_free_folder_does_not_matter(tmp_path):
    with locked(tmp_path):
        assert fence.mine(tmp_path)
        with holding(tmp_path):
            write_whole(tmp_path / "a", "mine")
        take_over(tmp_path)
        with pytest.raises(LostLockError, match="process 7 on far works in it now"):
            append_line(tmp_path / "a", "late")
        with pytest.raises(LostLockError), whole(tmp_path / "deep" / "er"):
            pass
        write_whole(tmp_path.parent / "elsewhere", "is another's business")
    assert not fence.mine(tmp_path) and (tmp_path / "a").read_text() == "mine"


def test_locks_that_a_user_has_removed_end_nothing(tmp_path):
    with locked(tmp_path):
        (tmp_path / ".lock.1").unlink()
        write_whole(tmp_path / "a", "goes on")
        (tmp_path / ".lock.1").write_text(Holder.myself("another's").text())
        with pytest.raises(LostLockError):
            write_whole(tmp_path / "a", "late")
    assert f"process {os.getpid()}" in (lock.owner(tmp_path) or ""), "its end does not release another's lock"


def test_of_two_runs_of_one_process_the_second_is_refused(tmp_path):
    import threading

    refused: list[BaseException] = []

    def second() -> None:
        try:
            run_job(compose_config(*SHORT), tmp_path)
        except BaseException as error:
            refused.append(error)

    with locked(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert isinstance(refused[0], lock.LockedError) and files_of(tmp_path) == {".lock.1": b""}


@pytest.mark.slow
def test_one_job_of_a_pack_is_taken_over_and_the_other_goes_on(tmp_path, monkeypatch):
    from src.packed.limits import Limits
    from src.packed.pack import Pack

    log, left = Record.log, {}

    def write(self, **fields):
        if self.folder.name == "taken" and not left:
            take_over(self.folder)
            left.update(files_of(self.folder))
        return log(self, **fields)

    monkeypatch.setattr(Record, "log", write)

    def work(name: str):
        return lambda member: run_job(compose_config(*SHORT, "training.logging_steps=1"), tmp_path / name, member)

    taken, kept = Pack({name: work(name) for name in ("taken", "kept")}, Limits(measure=False)).run()
    assert isinstance(taken.error, LostLockError) and kept.error is None and kept.result is not None
    assert left and files_of(tmp_path / "taken") == left
    assert json.loads((tmp_path / "kept" / "result.json").read_text())["status"] == "ok"
