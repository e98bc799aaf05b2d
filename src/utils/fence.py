"""What this process may still write: nothing in a folder whose lock another process has taken over.

A process that was stopped for long counts as dead, and another one works in its folder when it wakes up. Whoever puts a
file in its place asks here first (``src.utils.files`` does), so the sleeper ends and writes over nothing.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from src.utils.errors import UserError

_guards: dict[str, tuple[int, Callable[[], None]]] = {}  # by the folder's real path: the thread that holds it, a check


class LostLockError(UserError):
    """This process no longer owns the folder that it wants to write to; nothing was written."""


@contextmanager
def guarded(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Within the block ``check`` is asked before every write below the folder; it raises LostLockError to refuse."""
    key = os.path.realpath(folder)
    _guards[key] = (threading.get_ident(), check)
    try:
        yield
    finally:
        del _guards[key]


def mine(folder: Path) -> bool:
    """Whether this thread holds the folder."""
    return _guards.get(os.path.realpath(folder), (None,))[0] == threading.get_ident()


def check(path: Path) -> None:
    """Raise LostLockError if ``path`` lies in a folder that this process has held and lost."""
    if not _guards:
        return
    real = Path(os.path.realpath(path.parent))
    for folder in (real, *real.parents):
        if (guard := _guards.get(str(folder))) is not None:
            guard[1]()


def writes() -> bool:
    """Whether this process writes the run's folder: of a distributed run the first one alone."""
    return int(os.environ.get("RANK", "0")) == 0
