"""What is in a file, as a hash: weights and tables are told apart by their content, however large they are.

A file of at most one block has the SHA-256 of its bytes; a larger one the SHA-256 of its blocks' SHA-256s, one after
the other, so that several threads can share the work and always come to the same.
"""

import contextlib
import functools
import hashlib
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from src.utils.cache import cache_dir
from src.utils.errors import UserError
from src.utils.files import write_whole

BLOCK = 64 * 2**20  # bytes
KEPT = 8 * 2**20  # of a file from this size on the hash is kept between processes
SETTLED = 2.0  # seconds after its last change: sooner, another change might leave the file's times as they are
_HASH = re.compile(r"[0-9a-f]{64}")

# Device, inode, size, time of the last change of the content, and of the content or of anything else: a file that is
# replaced has another inode, and no program can set the last one back.
State = tuple[int, int, int, int, int]


def content_hash(file: Path) -> str:
    """The hash of a regular file's content; read once for each state of the file.

    Raises:
        OSError: if it cannot be read.
    """
    status = file.stat()
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if time.time() - max(status.st_mtime, status.st_ctime) < SETTLED:
        return _hashed(file, status.st_size)
    return _known(file, state)


@functools.lru_cache(maxsize=1024)
def _known(file: Path, state: State) -> str:
    size = state[2]
    if size < KEPT:
        return _hashed(file, size)
    # Without a cache, or with a damaged one, the file is read again.
    note: Path | None = None
    with contextlib.suppress(OSError, UserError):
        note = cache_dir("hashes") / hashlib.sha256(repr(state).encode()).hexdigest()
        if note.is_file() and _HASH.fullmatch(found := note.read_text(encoding="ascii", errors="replace")):
            return found
    found = _hashed(file, size)
    if note is not None:
        with contextlib.suppress(OSError, UserError):
            write_whole(note, found)
    return found


def _hashed(file: Path, size: int) -> str:
    if size <= BLOCK:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:  # hashlib works beside other threads
        sums = threads.map(lambda start: _block(file, start), range(0, size, BLOCK))
        return hashlib.sha256(b"".join(sums)).hexdigest()


def _block(file: Path, start: int) -> bytes:
    with file.open("rb") as opened:
        opened.seek(start)
        return hashlib.sha256(opened.read(BLOCK)).digest()
