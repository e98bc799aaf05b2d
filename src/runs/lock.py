"""One process at a time works in a run's folder, also when the folder is shared by several machines.

Locks are files ``.lock.1``, ``.lock.2`` ...; the highest number counts. Whoever finds it free (released, or its owner
dead) creates the next number, which one process alone can do. Nobody deletes a lock that may still count, so no race
between looking and deleting can let two in. An owner that was taken for dead, and is not, learns it before its next
write: its lock is no longer the newest, see ``src.utils.fence``.
"""

import errno
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.runs.holder import Holder, read_lock
from src.runs.layout import LOCK
from src.utils import fence
from src.utils.errors import UserError
from src.utils.fence import LostLockError
from src.utils.places import make_folder, what_helps, writing

NUMBER = re.compile(r"[1-9][0-9]{0,17}")  # a longer name is no number of ours
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # of a file system without hard links
HEARTBEAT = 10.0  # seconds between signs of life
STALE = 90.0  # seconds without one after which an owner that cannot be seen from here counts as dead


class LockedError(UserError):
    """Another process works in the folder; ``holder`` says which."""

    def __init__(self, folder: Path, holder: str) -> None:
        self.holder = holder
        super().__init__(
            f"{folder}: {holder} works in it, so nothing was written; wait for its end, or {what_helps(folder)} names "
            "another folder"
        )


@dataclass(frozen=True)
class Lock:
    """A lock that this process has taken.

    Attributes:
        folder: what is locked.
        number: of the lock.
        text: of its file.
        file: the file, kept open: after a takeover its name may be another's, but not the file.
    """

    folder: Path
    number: int
    text: str
    file: int

    def check(self) -> None:
        """Raise LostLockError if another process has taken the folder since."""
        newest = (_numbers(self.folder) or [0])[-1]
        found = read_lock(self.folder / f"{LOCK}{newest}") if newest else self.text
        if found == self.text or (not found and newest <= self.number):
            return
        by = owner(self.folder)
        raise LostLockError(
            f"{self.folder}: this process gave no sign of life for long, and "
            + (f"{by} works in it now" if by else "another process has worked in it since")
            + "; this one ends here and has written nothing more"
        )

    def beat(self, stop: threading.Event) -> None:
        """Give signs of life until the event."""
        while not stop.wait(HEARTBEAT):
            with suppress(OSError):  # a file system that is away for a moment
                os.utime(self.file)

    def release(self) -> None:
        """The file stays, empty, so that its number is not given twice."""
        with suppress(OSError):  # a file system that is away: the owner's end releases it, too
            os.ftruncate(self.file, 0)
        with suppress(OSError):
            os.close(self.file)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Within the block the folder is this process's alone, and its writes end with LostLockError if it no longer is.

    Raises:
        LockedError: if a living process holds it.
    """
    lock = _acquire(folder)
    stop = threading.Event()
    beat = threading.Thread(target=lock.beat, args=(stop,), daemon=True)
    beat.start()
    try:
        with fence.guarded(folder, lock.check):
            yield
    finally:
        stop.set()
        beat.join()
        lock.release()


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """``locked``, but for a folder that this thread has locked already."""
    if fence.mine(folder):
        yield
        return
    with locked(folder):
        yield


def owner(folder: Path, probe: bool = True) -> str | None:
    """Who holds the folder, in words; None if it is free.

    Args:
        folder: a run's.
        probe: ask the file system for its time with a file that is made and removed; else this machine's clock has to
            do, and nothing is written.
    """
    numbers = _numbers(folder)
    return _owner(folder / f"{LOCK}{numbers[-1]}", probe) if numbers else None


def marked(folder: Path) -> bool:
    """Whether there is a lock of ours, held or not: this program has worked in the folder."""
    texts = [read_lock(folder / f"{LOCK}{number}") for number in _numbers(folder)]
    return any(text is not None and (text == "" or Holder.read(text)) for text in texts)


def _acquire(folder: Path) -> Lock:
    make_folder(folder)
    while True:
        # One look decides both: a second one could see a newer lock, and number past it.
        last = (_numbers(folder) or [0])[-1]
        if last and (holder := _owner(folder / f"{LOCK}{last}")) is not None:
            raise LockedError(folder, holder)
        number, text = last + 1, Holder.myself(secrets.token_hex(8)).text()
        path = folder / f"{LOCK}{number}"
        if (file := _create(path, text)) is None:
            continue
        if _numbers(folder)[-1] != number:  # a slow look at an old state: others have been here since
            path.unlink(missing_ok=True)
            os.close(file)
            continue
        for old in _numbers(folder)[:-1]:
            with suppress(OSError):  # what is no file, and no lock of ours
                (folder / f"{LOCK}{old}").unlink(missing_ok=True)
        return Lock(folder, number, text, file)


def _create(path: Path, text: str) -> int | None:
    """Make the lock's file and leave it open; None if there is one of this name already."""
    # Under its final name from the first moment, and never empty there: empty means released.
    temporary = path.with_name(f".new_lock.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with writing(path.parent):
        file = os.open(temporary, flags, 0o666)
        try:
            os.write(file, text.encode())
            os.link(temporary, path)  # atomic, and refused if the name exists, on network file systems too
        except FileExistsError:
            os.close(file)
            return None
        except OSError as error:
            os.close(file)
            if error.errno not in NO_LINKS:
                raise
        else:
            return file
        finally:
            temporary.unlink(missing_ok=True)
        # Whoever looks before the text is written takes it for a released lock, and the next number; then the check
        # before the first write ends this process.
        try:
            file = os.open(path, flags, 0o666)
        except FileExistsError:
            return None
        os.write(file, text.encode())
        return file


def _numbers(folder: Path) -> list[int]:
    try:
        found = (path.name.removeprefix(LOCK) for path in folder.iterdir() if path.name.startswith(LOCK))
        return sorted(int(number) for number in found if NUMBER.fullmatch(number))
    except OSError:
        return []


def _self() -> dict[str, Any]:
    return asdict(Holder.myself())


def _owner(path: Path, probe: bool = True) -> str | None:
    """Who holds a lock, in words; a file that tells nobody counts, by its age, as somebody's."""
    text = read_lock(path)
    if text == "":
        return None
    holder = None if text is None else Holder.read(text)
    alive = None if holder is None else holder.alive()
    if alive is None:
        try:
            age = (_now(path.parent) if probe else time.time()) - path.lstat().st_mtime
        except OSError:
            return None
        # An owner sets the time to now every few seconds: one from the future gives no signs either.
        alive = abs(age) < STALE
    words = f"somebody, whom {path.name} does not name," if holder is None else holder.words
    return words if alive else None


def _now(folder: Path) -> float:
    """The file system's time: clocks of machines differ."""
    probe = folder / f".now.{secrets.token_hex(6)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
