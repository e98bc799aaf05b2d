"""One process at a time works in a folder."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from src.cli import ROOT
from src.runs import lock
from src.runs.lock import LockedError, locked, owner

HOLD = "import sys, time; from pathlib import Path; from src.runs.lock import locked\n"


def hold(folder, then: str) -> subprocess.Popen:
    """Another process that holds the folder."""
    script = f"{HOLD}with locked(Path({str(folder)!r})):\n    print('mine', flush=True); {then}"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "mine\n"
    return process


def test_a_held_folder_is_refused_and_a_released_one_is_not(tmp_path):
    process = hold(tmp_path, "time.sleep(60)")
    assert owner(tmp_path) == f"process {process.pid} on {socket.gethostname()}"
    with pytest.raises(LockedError, match=str(process.pid)), locked(tmp_path):
        pass
    process.kill()
    process.wait()
    assert owner(tmp_path) is None, "the dead hold nothing"
    with locked(tmp_path):
        assert owner(tmp_path) is not None
    assert owner(tmp_path) is None


def test_a_process_number_that_was_given_again_is_not_the_owner(tmp_path):
    who = lock._self() | {"born": "1"}
    (tmp_path / ".lock.1").write_text(json.dumps(who))
    assert owner(tmp_path) is None


def test_an_owner_on_another_machine_is_dead_when_it_gives_no_sign(tmp_path):
    path = tmp_path / ".lock.1"
    path.write_text(json.dumps({"host": "far", "machine": "far", "pid": 1, "born": "1"}))
    assert owner(tmp_path) == "process 1 on far"
    old = time.time() - lock.STALE - 5
    os.utime(path, (old, old))
    assert owner(tmp_path) is None


def test_the_owner_gives_signs(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "HEARTBEAT", 0.02)
    with locked(tmp_path):
        path = tmp_path / ".lock.1"
        os.utime(path, (0, 0))
        for _ in range(500):
            if path.stat().st_mtime > 0:
                break
            time.sleep(0.01)
        assert path.stat().st_mtime > 0


def test_of_many_that_find_a_stale_lock_one_gets_it(tmp_path):
    """Eight processes at a time, three times over; each that gets in notes it and stays until all have tried."""
    (tmp_path / ".lock.1").write_text(json.dumps(lock._self() | {"born": "1"}))
    script = (
        f"{HOLD}from src.runs.lock import LockedError\nfolder = Path({str(tmp_path)!r})\nsys.stdin.readline()\n"
        "try:\n    with locked(folder):\n        print('in', flush=True); sys.stdin.readline()\n"
        "except LockedError:\n    print('out', flush=True)"
    )
    for _ in range(3):
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(8)
        ]
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.stdout.readline().strip() for process in processes]
        assert sorted(answers) == ["in"] + ["out"] * 7
        for process in processes:
            process.kill()  # the one that is in dies with its lock
            process.wait()
            process.stdin.close()
            process.stdout.close()
