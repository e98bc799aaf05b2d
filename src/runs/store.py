"""What an earlier comparison has read and computed, kept in the user's cache so that the next one is quick."""

import json
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from src.utils.cache import cache_dir
from src.utils.places import UnwritableError
from src.utils.terminal import say

VERSION = 2  # raise it when the meaning of what is kept changes


class Store:
    """Records by folder and stamp, results by key, in one SQLite file.

    A file that cannot be opened or is damaged costs time, never the comparison: everything is then worked out anew.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._database: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=10)
            with self._database:
                self._database.execute(
                    "CREATE TABLE IF NOT EXISTS records (path TEXT PRIMARY KEY, stamp TEXT, body TEXT)"
                )
                self._database.execute("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, body TEXT)")
        except (OSError, sqlite3.Error):
            self._database = None

    def records(self, stamps: Mapping[str, tuple[int, ...]]) -> dict[str, dict[str, object]]:
        """The kept records of those folders whose stamp has not changed."""
        texts = {path: _text(stamp) for path, stamp in stamps.items()}
        rows = self._query("SELECT path, stamp, body FROM records", ())
        found = {path: _value(body) for path, stamp, body in rows if texts.get(path) == stamp}
        return {path: record for path, record in found.items() if isinstance(record, dict)}

    def keep_records(self, records: Mapping[str, tuple[tuple[int, ...], Mapping[str, object]]]) -> None:
        """Keep records by their folder, each with its stamp."""
        rows = [(path, _text(stamp), json.dumps(record)) for path, (stamp, record) in records.items()]
        self._write("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)

    def results(self, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        """What is kept under the keys."""
        found: dict[str, Any] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._query(f"SELECT key, body FROM results WHERE key IN ({marks})", part)
            found |= {key: _value(body) for key, body in rows}
        return {key: value for key, value in found.items() if isinstance(value, dict)}

    def keep_results(self, results: Mapping[str, object]) -> None:
        rows = [(key, json.dumps(value)) for key, value in results.items()]
        self._write("INSERT OR REPLACE INTO results VALUES (?, ?)", rows)

    def _query(self, sql: str, values: Sequence[str]) -> list[tuple[str, ...]]:
        if self._database is None:
            return []
        try:
            with closing(self._database.execute(sql, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error:
            return []

    def _write(self, sql: str, rows: Sequence[tuple[str, ...]]) -> None:
        if self._database is None or not rows:
            return
        try:
            with self._database:
                self._database.executemany(sql, rows)
        except sqlite3.Error:
            return


def _value(body: Any) -> Any:
    """What a kept text says; None if it is damaged."""
    try:
        return json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return None


def _text(stamp: tuple[int, ...]) -> str:
    return f"{VERSION}:" + ":".join(map(str, stamp))


def open_store() -> Store | None:
    """What earlier comparisons of this user have read and computed; without a cache they cost their time again."""
    try:
        return Store(cache_dir("compare") / "index.sqlite")
    except UnwritableError as error:
        say(f"nothing is kept for the next comparison: {error}", file=sys.stderr)
        return None
