"""The terminal is closed while something runs: it is left as by SIGTERM, and goes on later with the same numbers."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from src.utils.paths import ROOT
from tests.conftest import NANO
from tests.training.test_checkpoint import same

LONG = [*NANO, "data.max_train_samples=64", "training.num_train_epochs=60", "checkpoint.every=never"]
PATIENCE = 120  # seconds, on a machine that does much else


def start(arguments: list[str], before: Callable[[], None] = lambda: None) -> tuple[subprocess.Popen[bytes], int]:
    """Start ``main.py`` as the leader of a session on a terminal of its own; gives the terminal's other end."""
    terminal, theirs = pty.openpty()

    def on_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        before()

    command = [sys.executable, "main.py", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=on_terminal)
    os.close(theirs)
    os.set_blocking(terminal, False)
    return process, terminal


def close_when_it_trains(process: subprocess.Popen[bytes], terminal: int, history: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not (history.exists() and history.stat().st_size):
        assert process.poll() is None and time.monotonic() < end
        try:  # a full terminal would hold the process back
            os.read(terminal, 65536)
        except OSError:
            time.sleep(0.05)
    os.close(terminal)


def status(folder: Path) -> str:
    return json.loads((folder / "result.json").read_text())["status"]


def run(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "main.py", *arguments], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.slow
def test_a_single_run(tmp_path):
    options = [*(word for word in LONG if "disable_tqdm" not in word), "training.max_steps=120"]
    process, terminal = start([*options, f"hydra.run.dir={tmp_path}/run"])
    close_when_it_trains(process, terminal, tmp_path / "run" / "history.jsonl")
    assert process.wait(PATIENCE) == 128 + signal.SIGHUP
    assert status(tmp_path / "run") == "interrupted" and (tmp_path / "run" / "checkpoint.pt").exists()
    run([*options, f"hydra.run.dir={tmp_path}/run"])
    run([*options, f"hydra.run.dir={tmp_path}/undisturbed"])
    same(tmp_path / "undisturbed", tmp_path / "run")


@pytest.mark.slow
def test_a_sweep_and_its_workers(tmp_path):
    options = [*LONG, "model=roberta_lora,roberta_lsr", "training.max_steps=150", "--multirun",
               "hydra/launcher=gpus", f"sweep.dir={tmp_path}/sweep"]  # fmt: skip
    process, terminal = start(options)
    end = time.monotonic() + PATIENCE
    while not (histories := list(tmp_path.glob("sweep/*/history.jsonl"))):
        assert process.poll() is None and time.monotonic() < end
        try:
            os.read(terminal, 65536)
        except OSError:
            time.sleep(0.05)
    close_when_it_trains(process, terminal, histories[0])
    assert process.wait(PATIENCE) == 128 + signal.SIGHUP
    records = list(tmp_path.glob("sweep/*/result.json"))
    assert records and {status(record.parent) for record in records} == {"interrupted"}
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert not left, "orphans"
    run(options)
    assert {status(record.parent) for record in tmp_path.glob("sweep/*/result.json")} == {"ok"}


@pytest.mark.slow
def test_under_nohup_it_goes_on(tmp_path):
    options = [*LONG, "training.max_steps=40", f"hydra.run.dir={tmp_path}/run"]
    process, terminal = start(options, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    end = time.monotonic() + PATIENCE
    while not (tmp_path / "run" / "result.json").exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    assert process.wait(PATIENCE) == 0
    os.close(terminal)
    assert status(tmp_path / "run") == "ok"
