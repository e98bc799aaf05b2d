"""A run's folder before the run, so that a mistake leaves it as it was."""

import contextlib
import os
from pathlib import Path

from src.runs.layout import HYDRA, LOCKS, LOGS, RESULT, SUMMARY
from src.utils.errors import UserError
from src.utils.files import whole


class Before:
    """A run's folder as it was before the run, in all that a run writes before it trains.

    Args:
        folder: the run's, which need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # The folders that making this one makes, the innermost first.
        self.made = [path for path in (folder, *folder.parents) if not path.exists()]
        self.locks = {path: path.read_bytes() for path in self._files(LOCKS)}
        self.note()

    def note(self) -> None:
        """Take the folder as it is now, but for its locks: what another process has finished meanwhile is to stay."""
        self.files = {path: path.read_bytes() for path in self._files(RESULT, SUMMARY, f"{HYDRA}/*.yaml")}
        self.logs = {path: path.stat().st_size for path in self._files(LOGS)}

    def restore(self) -> None:
        """Take back what was written since, and the folders that are empty then. The folder's lock has to be held."""
        with contextlib.suppress(OSError, UserError):
            for path, content in (self.files | self.locks).items():
                if not path.is_file() or path.read_bytes() != content:
                    with whole(path) as temporary:
                        temporary.write_bytes(content)
            for path, size in self.logs.items():
                if path.is_file() and path.stat().st_size > size:
                    os.truncate(path, size)
            for path in self._files(RESULT, SUMMARY, f"{HYDRA}/*.yaml", LOGS, LOCKS):  # the lock as the last
                if path not in self.files and path not in self.locks and path not in self.logs:
                    path.unlink()
            for path in [self.folder / HYDRA, *self.made]:
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()

    def _files(self, *patterns: str) -> list[Path]:
        return [path for pattern in patterns for path in self.folder.glob(pattern) if path.is_file()]
