"""Worker processes: a killed one costs its own job; a killed sweep goes on where it was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from src.cli import ROOT
from src.sweep.pool import Pool, gpu_slots
from src.sweep.sweep_job import Outcome
from tests.conftest import NANO

TINY = [*NANO, "data.max_train_samples=40", "data.max_eval_samples=16", "checkpoint.every=1"]


def start(folder: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "main.py", *TINY, "--multirun", f"sweep.dir={folder}", *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=600)
    return output


def statuses(sweep: Path) -> dict[int, str]:
    found = [json.loads(path.read_text()) for path in sweep.glob("*/result.json")]
    return {record["seed"]: record["status"] for record in found}


def same(folder: Path, alone: Path) -> None:
    """Everything that counts is equal, however it came about."""
    one, two = (json.loads((path / "result.json").read_text()) for path in (folder, alone))
    for key in ("metrics", "epochs", "batches_fingerprint", "config_hash"):
        assert one[key] == two[key], key
    one, two = (pq.read_table(path / "predictions.parquet") for path in (folder, alone))
    assert one.equals(two)


def worker_of(process: subprocess.Popen, folder: Path, job: str) -> int:
    """Wait until a worker trains the job; its process number, from the job's lock."""
    while process.poll() is None:
        for lock in folder.glob(f"*{job}*/.lock.*"):
            if (text := lock.read_text()) and list(lock.parent.glob("checkpoint.pt")):
                return json.loads(text)["pid"]
        time.sleep(0.02)
    raise AssertionError(finish(process))


class WhoRuns:
    """A task that answers with its process."""

    def run(self) -> Outcome:
        return Outcome("ok", value=os.getpid())


def test_a_process_is_kept_from_launch_to_launch():
    """Until the pool is closed; then it is gone, and another launch gets another one."""
    pool = Pool([{}])
    (first,), (again,) = pool.run([WhoRuns()]), pool.run([WhoRuns()])
    assert first.value == again.value != os.getpid()
    pool.close()
    assert not Path(f"/proc/{first.value}").exists()
    (other,) = pool.run([WhoRuns()])
    pool.close()
    assert other.value != first.value


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes through /proc")
def test_a_killed_job_and_a_killed_sweep(tmp_path, train):
    """kill -9 of a worker ends that job alone; of the sweep, its worker too; a restart ends with the same numbers."""
    sweep, swept = tmp_path / "sweep", ["seed=range(2)", "training.num_train_epochs=4"]
    process = start(sweep, *swept)
    os.kill(worker_of(process, sweep, "seed=0"), signal.SIGKILL)
    orphan = worker_of(process, sweep, "seed=1")
    process.kill()
    process.wait()
    process.stdout.close()
    assert statuses(sweep) == {0: "running", 1: "running"}, "the dead write nothing"
    for _ in range(500):
        if not Path(f"/proc/{orphan}").exists():
            break
        time.sleep(0.02)
    assert not Path(f"/proc/{orphan}").exists(), "the worker ends with its sweep"
    process = start(sweep, *swept)
    output = finish(process)
    assert process.returncode == 0 and "2 jobs: 2 ok, 0 failed" in output, output
    for seed in range(2):
        (folder,) = sweep.glob(f"*seed={seed}*")
        assert json.loads((folder / "result.json").read_text())["continued_from_step"] >= 1
        same(folder, train(*TINY[len(NANO) :], f"seed={seed}", "training.num_train_epochs=4"))


@pytest.mark.slow
def test_a_killed_job_fails_and_the_next_one_runs(tmp_path):
    process = start(tmp_path / "sweep", "seed=range(2)", "training.num_train_epochs=4")
    os.kill(worker_of(process, tmp_path / "sweep", "seed=0"), signal.SIGKILL)
    output = finish(process)
    assert process.returncode == 2 and "2 jobs: 1 ok, 1 failed" in output
    assert "its process ended with signal SIGKILL; the system may have run out of memory" in output
    assert statuses(tmp_path / "sweep") == {0: "failed", 1: "ok"}


@pytest.mark.slow
@pytest.mark.skipif("PEFT_VERDICT_LONG" not in os.environ, reason="many minutes: set PEFT_VERDICT_LONG=1 to run it")
def test_a_sweep_killed_ten_times_ends_as_an_undisturbed_one(tmp_path):
    """Twelve jobs; kill -9 at random moments and the same command again."""
    swept = ["model=roberta_lora,roberta_hydralora,roberta_lsr,roberta_bitfit", "seed=range(3)"]
    started = time.monotonic()
    finish(start(tmp_path / "calm", *swept))
    whole, moments = time.monotonic() - started, random.Random(0)
    for _ in range(10):
        process = start(tmp_path / "sweep", *swept)
        try:
            process.communicate(timeout=moments.uniform(0.2, 0.5) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
    process = start(tmp_path / "sweep", *swept)
    output = finish(process)
    assert process.returncode == 0 and "12 jobs:" in output and " 0 failed" in output
    folders = [path.parent for path in (tmp_path / "calm").glob("*/result.json")]
    assert len(folders) == 12
    for folder in folders:
        same(tmp_path / "sweep" / folder.name, folder)


def test_slots(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in gpu_slots(2, None)] == ["2", "5", "2", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert len(gpu_slots(1, 3)) == 3 and "CUDA_VISIBLE_DEVICES" not in gpu_slots(1, 3)[0]
    cores = len(gpu_slots(1, None))
    assert cores >= 1 and gpu_slots(1, 1)[0]["OMP_NUM_THREADS"] == str(cores)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert gpu_slots(1, 2)[0]["OMP_NUM_THREADS"] == "7", "the user's word counts"
