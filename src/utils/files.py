"""Writing files whole or not at all, and reading those that are files."""

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.utils.errors import UserError
from src.utils.places import make_folder, writing


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write in ``path``'s place: it takes the place when the block ends well, and is gone if it does not.

    Whoever reads ``path`` meanwhile, or after a kill, sees the file as it was before or as it is afterwards. The name
    is this thread's own, so that two writers do not disturb each other. The file is as readable as any new one in its
    folder, also where a library makes it private (safetensors).

    Raises:
        UnwritableError: if the place cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with writing(path):
        try:
            temporary.touch()
            mode = temporary.stat().st_mode
            yield temporary
            temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; lines end as they do in the text."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file, whole or not at all."""
    with writing(path), path.open("ab", buffering=0) as file:
        size, left = file.tell(), f"{line}\n".encode()
        try:
            while left:
                left = left[file.write(left) :]
        except OSError:
            file.truncate(size)
            raise


def read_regular(path: Path, limit: int) -> bytes:
    """A regular file's content; a pipe would be waited for, a device has no end.

    Args:
        path: the file; a link is followed.
        limit: bytes that the file may have.

    Raises:
        UserError: if there is no such file, it is another thing, it is larger, or it cannot be read.
    """
    waits_for_nobody = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | waits_for_nobody), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{path} is no regular file")
            content = file.read(limit + 1) if status.st_size <= limit else b""
    except UserError:
        raise
    except (OSError, ValueError) as error:  # a null character in the name
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if (size := max(status.st_size, len(content))) > limit:
        raise UserError(f"{path} has {size:,} bytes, more than the {limit:,} of such a file")
    return content


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
