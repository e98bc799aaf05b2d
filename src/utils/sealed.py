"""Files that know whether they are what was written: a mark, the content's SHA-256, the content.

A flipped bit in a saved state does not end a program: it changes numbers. So the content is read only if its sum is
the one that was written with it.
"""

import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from src.utils.files import open_regular, whole

MARK = b"sealed 1\n"
HEADER = len(MARK) + hashlib.sha256().digest_size


class DamagedError(Exception):
    """A sealed file is not what was written; the message says how that is known."""


class _Hashed(io.RawIOBase):
    """A file to write once, from its start to its end, whose sum is known at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sum = file, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.sum.update(data)
        return self.file.write(data)


def write_sealed(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write a sealed file, whole or not at all, onto the disk and not only into the system's memory.

    Args:
        path: the file.
        write: writes the content to the open file it is given, without going back in it.

    Raises:
        UnwritableError: if the place cannot be written.
    """
    with whole(path, durable=True) as temporary, temporary.open("wb") as file:
        file.write(MARK + bytes(HEADER - len(MARK)))
        hashed = _Hashed(file)
        write(cast("IO[bytes]", hashed))
        file.seek(len(MARK))
        file.write(hashed.sum.digest())


def read_sealed(path: Path) -> io.BytesIO | None:
    """The content of a sealed file; None if there is no such file.

    Raises:
        DamagedError: if it is no regular file, no sealed one, or its content is not what was written.
    """
    try:
        with open_regular(path, sys.maxsize) as file:
            header, content = file.read(HEADER), file.read()
    except FileNotFoundError:
        return None
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        raise DamagedError(f"it cannot be read ({reason})") from error
    if header[: len(MARK)] != MARK:
        raise DamagedError("it is of another program, or of an earlier version")
    if hashlib.sha256(content).digest() != header[len(MARK) :]:
        raise DamagedError("it is damaged: its checksum is another")
    return io.BytesIO(content)
