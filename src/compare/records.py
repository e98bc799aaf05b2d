"""Finding and reading run records below any folders."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.training.record import RESULT, SCHEMA_VERSION


@dataclass(frozen=True)
class Run:
    """One run folder and what its ``result.json`` says; ``problem`` is why it cannot be compared, or None."""

    folder: Path
    record: dict[str, Any]
    problem: str | None

    @property
    def name(self) -> str:
        return self.folder.name


def find_runs(roots: Iterable[Path]) -> list[Run]:
    """Every run below the roots, in the order of their paths, each once; unreadable ones with their problem."""
    folders = {folder.resolve(): folder for root in roots for folder in _run_folders(Path(root))}
    return [read_run(folder) for _, folder in sorted(folders.items())]


def _run_folders(root: Path) -> Iterator[Path]:
    for folder, _, files in os.walk(root):  # links are not followed, so loops end
        if RESULT in files:
            yield Path(folder)


def read_run(folder: Path) -> Run:
    """Read one record; never raises for what a file may hold."""
    try:
        record = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Run(folder, {}, f"unreadable: {error}")
    if not isinstance(record, dict):
        return Run(folder, {}, "unreadable: not a record")
    return Run(folder, record, _problem(record))


def _problem(record: dict[str, Any]) -> str | None:
    version = record.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        return f"schema version {version!r} is not {SCHEMA_VERSION}: made by a newer program"
    status = record.get("status")
    if status == "failed":
        return f"failed: {(record.get('error') or {}).get('message', 'no reason given')}"
    if status != "ok":
        return f"status {status!r}: not finished"
    if (record.get("primary_metric") or {}).get("value") is None:
        return "no score: " + ", ".join(record.get("flags") or ["the metric is missing"])
    return None
