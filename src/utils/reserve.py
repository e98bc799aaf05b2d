"""Room on a disk that is kept for the last word: a full disk must not keep a run from saying how it ended."""

import os
import threading
from contextlib import suppress
from pathlib import Path

from src.utils.places import writing

SIZE = 2**16  # bytes; a record with a long traceback has a third of them


class Reserve:
    """A file in a folder, whose room can be had back when there is no other.

    Its name is one that ``remove_unfinished`` knows, for that of a killed process.

    Args:
        folder: where the last word will be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f".reserve.{os.getpid()}.{threading.get_ident()}"

    def take(self) -> None:
        """Take the room; raises UnwritableError if there is none."""
        with writing(self.path.parent):
            try:
                # Random: zeros take no room where a file system compresses, or has holes.
                self.path.write_bytes(os.urandom(SIZE))
            except BaseException:
                self.free()
                raise

    def free(self) -> None:
        """Give the room back."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
