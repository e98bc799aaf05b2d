"""The studies' database: what SQLite says of its file is a word on the disk, and no fault of the program."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.utils.places import UnwritableError, what_helps

SQLITE = "sqlite:///"


@contextmanager
def database(storage: str) -> Iterator[None]:
    """Within the block a database is used that may not be writable or readable.

    Args:
        storage: as Optuna names it.

    Raises:
        UnwritableError: in place of what SQLite, wrapped by Optuna, says of the file: full, read-only, gone, damaged.
    """
    try:
        yield
    except Exception as error:
        if (reason := _of_sqlite(error)) is None:
            raise
        path = Path(storage.removeprefix(SQLITE))
        raise UnwritableError(f"{path}: {reason}; {what_helps(path)} names another folder") from error


def _of_sqlite(error: BaseException) -> str | None:
    """SQLite's word on a file among the causes of an error; its words on a statement would be the program's fault."""
    found: BaseException | None = error
    while found is not None:
        if type(found) in (sqlite3.OperationalError, sqlite3.DatabaseError):
            return str(found)
        found = found.__cause__
    return None
