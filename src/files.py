"""Writing files whole or not at all."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src import fence
from src.places import make_folder, writing


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write in ``path``'s place: it takes the place when the block ends well, and is gone if it does not.

    Whoever reads ``path`` meanwhile, or after a kill, sees the file as it was before or as it is afterwards. The name
    is this thread's own, so that two writers do not disturb each other. The file is as readable as any new one in its
    folder, also where a library makes it private (safetensors).

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
                temporary.replace(path)
            except FileNotFoundError:  # a new owner of the folder removes what earlier ones have begun
                fence.check(path)
                raise
        finally:
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; lines end as they do in the text."""
    with whole(path) as temporary:
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
