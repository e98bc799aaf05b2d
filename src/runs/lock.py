"""One process at a time works in a job's folder, also when the folder is shared by several machines.

Locks are files ``.lock.1``, ``.lock.2`` ...; the highest number counts. Whoever finds it free (released, or its owner
dead) creates the next number with ``O_EXCL``, which one process alone can do. Nobody deletes a lock that may still
count, so no race between looking and deleting can let two in.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from src.utils.places import make_folder, writing

PREFIX = ".lock."
HEARTBEAT = 10.0  # seconds between signs of life
STALE = 90.0  # seconds without one after which an owner on another machine counts as dead


class LockedError(Exception):
    """Another process works in the folder; the message says which."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Within the block the folder is this process's alone.

    Raises:
        LockedError: if a living process holds it.
    """
    path = _acquire(folder)
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        with suppress(OSError):  # a file system that is away: the owner's end releases it, too
            path.write_text("", encoding="utf-8")  # released; it stays, so that its number is not given twice


def owner(folder: Path) -> str | None:
    """Who holds the folder, in words; None if it is free."""
    numbers = _numbers(folder)
    return _owner(folder / f"{PREFIX}{numbers[-1]}") if numbers else None


def _acquire(folder: Path) -> Path:
    make_folder(folder)
    while True:
        # One look decides both: a second one could see a newer lock, and number past it.
        last = (_numbers(folder) or [0])[-1]
        if (holder := _owner(folder / f"{PREFIX}{last}")) is not None:
            raise LockedError(holder)
        number = last + 1
        path = folder / f"{PREFIX}{number}"
        # Under its final name from the first moment, and never empty there: empty means released.
        temporary = folder / f".new_lock.{secrets.token_hex(6)}"
        try:
            with writing(folder):
                temporary.write_text(json.dumps(_self()), encoding="utf-8")
            os.link(temporary, path)  # atomic, and refused if the name exists, on network file systems too
        except FileExistsError:
            continue
        finally:
            temporary.unlink(missing_ok=True)
        if _numbers(folder)[-1] != number:  # a slow look at an old state: others have been here since
            path.unlink()
            continue
        for old in _numbers(folder)[:-1]:
            (folder / f"{PREFIX}{old}").unlink(missing_ok=True)
        return path


def _numbers(folder: Path) -> list[int]:
    found = (path.name.removeprefix(PREFIX) for path in folder.glob(f"{PREFIX}*"))
    return sorted(int(number) for number in found if number.isdigit())


def _self() -> dict[str, Any]:
    return {"host": socket.gethostname(), "machine": _machine(), "pid": os.getpid(), "born": _born(os.getpid())}


def _owner(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
        if not text:
            return None
        who = json.loads(text)
        age = _now(path.parent) - path.stat().st_mtime
    except (OSError, ValueError):
        return None
    alive = _born(who["pid"]) == who["born"] if who["machine"] == _machine() else age < STALE
    return f"process {who['pid']} on {who['host']}" if alive else None


def _machine() -> str:
    """Names one running system with its own process numbers; a container or a reboot makes another."""
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115  the link's text is no path
    except OSError:
        pass
    return " ".join(parts)


def _born(pid: int) -> str | None:
    """When a process started, None if there is none: a later one may have been given the number of a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return "alive"


def _now(folder: Path) -> float:
    """The file system's time: clocks of machines differ."""
    probe = folder / f".now.{secrets.token_hex(6)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT):
        try:
            os.utime(path)
        except OSError:  # a file system that is away for a moment
            continue
