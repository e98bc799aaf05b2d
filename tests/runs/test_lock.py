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


DAMAGED = {
    "no JSON": "{",
    "a list": "[1]",
    "a word": '"far"',
    "nothing said": "{}",
    "null": "null",
    "text for a number": '{"host": "far", "pid": "1", "born": "1"}',
    "true for a number": '{"host": "far", "pid": true, "born": "1"}',
    "a negative number": '{"host": "far", "pid": -1, "born": "1"}',
    "a huge number": '{"host": "far", "pid": 1' + "0" * 3000 + ', "born": "1"}',
    "a list for a time": '{"host": "far", "pid": 1, "born": [1]}',
    "a map for a name": '{"host": {}, "pid": 1, "born": "1"}',
    "no name": '{"pid": 1, "born": "1"}',
    "a terminal's sequence": '{"host": "\\u001b]0;x\\u0007", "pid": 1, "born": "1"}',
    "half a character": '{"host": "\\ud800", "pid": 1, "born": "1"}',
    "huge": "x" * 10**6,
    "deep": "[" * 4000,
    "no UTF-8": b"\xff\xfe{",
    "a blank": " ",
    "NaN": '{"host": "far", "pid": NaN, "born": "1"}',
}


def written(path, content) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_lock_counts_by_its_age(name, tmp_path):
    path, now = tmp_path / ".lock.7", time.time()
    written(path, DAMAGED[name])
    assert "somebody, whom .lock.7 does not name" in owner(tmp_path)
    with pytest.raises(LockedError), locked(tmp_path):
        pass
    for age in (-1e9, -lock.STALE - 5, lock.STALE + 5, 1e9):
        os.utime(path, (now - age, now - age))
        assert owner(tmp_path) is None, age
    with locked(tmp_path):
        assert f"process {os.getpid()}" in owner(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [".lock.8"]


def test_what_is_no_file_is_no_lock_for_ever(tmp_path):
    """Folders, links, pipes and devices of a lock's name: nothing is read that could block, and each counts by age."""
    old = time.time() - lock.STALE - 5
    for make in (
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("nothing"),
        os.mkfifo,
    ):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        make(folder / ".lock.2")
        assert owner(folder) is not None
        os.utime(folder / ".lock.2", (old, old), follow_symlinks=False)
        with locked(folder):
            assert (folder / ".lock.3").is_file()
    for name in (".lock.", ".lock.x", ".lock.²", ".lock.-1", ".lock.01", ".lock.1.2", f".lock.{'9' * 200}"):
        (tmp_path / name).touch()
    with locked(tmp_path):
        assert (tmp_path / ".lock.1").is_file(), "none of these is a number of ours"


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({"pid": os.getpid()}, True),
        ({"host": "a new name"}, True),  # a machine may be given another name while it runs
        ({"born": "1"}, False),  # the number was given again
        ({"pid": 2**22 + 1}, False),
        ({"boot": "before"}, False),  # a reboot
        ({"boot": "before", "host": "far"}, None),  # another machine of the same image
        ({"boot": "before", "system": "other"}, None),
        ({"boot": "before", "system": ""}, None),
        ({"boot": "before", "space": "pid:[1]"}, None),  # a container, there or here
        ({"space": "pid:[1]"}, None),
        ({"space": "pid:[1]", "born": "1", "pid": 2**22 + 1}, None),
        ({"boot": "", "space": ""}, None),
    ],
)
def test_who_can_be_seen_from_here(change, held, tmp_path, monkeypatch):
    """None: unknown, so the last sign of life decides, and one from the future is none."""
    import src.runs.holder as holder

    text = holder._text
    monkeypatch.setattr(holder, "_text", lambda path: "mine" if path == "/etc/machine-id" else text(path))
    path, now = tmp_path / ".lock.1", time.time()
    path.write_text(json.dumps(lock._self() | change))
    assert (owner(tmp_path) is not None) == (held is not False)
    for age in (lock.STALE + 5, -lock.STALE - 5):
        os.utime(path, (now - age, now - age))
        assert (owner(tmp_path) is not None) == bool(held)


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    import errno

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with locked(tmp_path):
        assert f"process {os.getpid()}" in owner(tmp_path)
        with pytest.raises(LockedError), locked(tmp_path):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [".lock.1"]
    assert owner(tmp_path) is None
