"""Writing files whole or not at all, and reading those that others made."""

import errno
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from src.utils import fence
from src.utils.errors import UserError
from src.utils.places import make_folder, writing

# What a killed writer leaves, see ``whole``: a hidden name that ends in a process and a thread.
_UNFINISHED = re.compile(r"\..+\.(\d+)\.\d+")
# And the probes of a moment: of the clock, of a file's mode, of a lock.
_PROBES = (".now.*", ".mode.*", ".new_lock.*")
_MOMENT = 60.0  # seconds


@contextmanager
def whole(path: Path, durable: bool = False) -> Iterator[Path]:
    """A file to write in ``path``'s place: it takes the place when the block ends well, and is gone if it does not.

    Whoever reads ``path`` meanwhile, or after a kill, sees the file as it was before or as it is afterwards. The name
    is this thread's own, so that two writers do not disturb each other. The file is as readable as any new one in its
    folder, also where a library makes it private (safetensors).

    Args:
        path: the file.
        durable: be sure that it is on the disk, also if the machine loses its power in the next moment.

    Raises:
        UnwritableError: if the place cannot be written.
        LostLockError: if another process has taken over the run's folder.
    """
    fence.check(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with writing(path):
        try:
            temporary.touch()
            mode = temporary.stat().st_mode
            yield temporary
            fence.check(path)
            try:
                temporary.chmod(mode)
                if durable:
                    _sync(temporary)
                temporary.replace(path)
            except FileNotFoundError:  # a new owner of the folder removes what earlier ones have begun
                fence.check(path)
                raise
            if durable:
                _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the system write a file, or a folder's names, to the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder that may be written to and not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that knows no such thing
            raise
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed writers have left in a folder of which this process is the only owner."""
    now = time.time()
    with suppress(OSError):
        for path in folder.iterdir():
            writer = _UNFINISHED.fullmatch(path.name)
            probe = any(path.match(pattern) for pattern in _PROBES)
            old = probe and abs(now - path.lstat().st_mtime) > _MOMENT
            if old or (writer and not probe and int(writer[1]) != os.getpid()):
                path.unlink(missing_ok=True)


def write_whole(path: Path, text: str, durable: bool = False) -> None:
    """Write a text file, whole or not at all; lines end as they do in the text. ``durable`` as in ``whole``."""
    with whole(path, durable) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file, whole or not at all."""
    fence.check(path)
    with writing(path), path.open("ab", buffering=0) as file:
        size, left = file.tell(), f"{line}\n".encode()
        try:
            while left:
                left = left[file.write(left) :]
        except OSError:
            file.truncate(size)
            raise


@contextmanager
def open_regular(path: Path, limit: int) -> Iterator[BinaryIO]:
    """A file to read, if it is one: a pipe, a device or a socket of that name is not even opened.

    Args:
        path: the file; links are followed.
        limit: bytes that it may have at most.

    Raises:
        OSError: if there is none, it cannot be read, is none that lies on a disk, or is larger than that.
    """
    _check_regular(path, path.stat(), limit)
    # It may have been replaced since the look; a pipe would otherwise wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        _check_regular(path, os.fstat(descriptor), limit)
        yield file


def read_regular(path: Path, limit: int) -> bytes:
    """What a file holds; see ``open_regular``."""
    with open_regular(path, limit) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f"{path.name} grew beyond {limit:,} bytes")
    return content


@contextmanager
def _given(path: Path) -> Iterator[None]:
    """Within the block a file is read that a user has named, or a stranger has sent; what fails is a UserError."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read: {reason}") from error


def read_given(path: Path, limit: int) -> bytes:
    """What a file holds; raises UserError in place of what ``open_regular`` raises."""
    with _given(path):
        return read_regular(path, limit)


def check_given(path: Path, limit: int) -> None:
    """Refuse a file that ``open_regular`` would refuse, before a library opens it; raises UserError."""
    with _given(path), open_regular(path, limit):
        pass


def _check_regular(path: Path, status: os.stat_result, limit: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise OSError(f"{path.name} is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path.name} is no regular file")
    if status.st_size > limit:
        raise OSError(f"{path.name} has {status.st_size:,} bytes, and at most {limit:,} are read")


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """A new or empty folder to be filled: if the block fails, what it wrote is gone again.

    Every file is as readable as a new one in the folder, also where a library makes it private.

    Raises:
        UnwritableError: if the place cannot be written.
    """
    made = not folder.exists()
    make_folder(folder)
    try:
        with writing(folder):
            yield folder
            _share(folder)
    except BaseException:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        if made:
            folder.rmdir()
        raise


def _share(folder: Path) -> None:
    """Give every file the mode of a file that is made now."""
    probe = folder / f".mode.{os.getpid()}.{threading.get_ident()}"
    try:
        probe.touch()
        mode = probe.stat().st_mode
    finally:
        probe.unlink(missing_ok=True)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(mode)
