"""Finding and reading run records below any folders."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.runs.record import HISTORY, PREDICTIONS, RESULT, SCHEMA_VERSION
from src.runs.store import Store
from src.utils.errors import UserError

# A folder's state as far as a comparison goes: time of change and size of its record and its predictions.
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """One run folder and what its ``result.json`` says; ``problem`` is why it cannot be compared, or None."""

    folder: Path
    record: dict[str, Any]
    problem: str | None
    stamp: Stamp = ()

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def method(self) -> str:
        return str(self.record["method"])

    @property
    def seed(self) -> int:
        return int(self.record["seed"])

    @property
    def params(self) -> dict[str, int]:
        return self.record["params"]

    @property
    def adapter_parameters(self) -> int:
        """Values trained outside the head, routers among them."""
        return self.params["adapter"] + self.params["router"]

    @property
    def trains_everything(self) -> bool:
        return self.params["trainable"] == self.params["total"]

    @property
    def packed(self) -> bool:
        """Whether other jobs were trained in the same process at the same time."""
        return (self.record.get("packed") or {}).get("mode") == "packed"

    @property
    def peak_mb(self) -> float | None:
        if self.packed:
            return None
        memory = self.record.get("memory") or {}
        return memory.get("peak_device_mb") or memory.get("peak_rss_mb")

    @property
    def train_s(self) -> float | None:
        """Seconds of training; a packed run has none of its own, nor speed or memory."""
        return None if self.packed else float(self.record["time"]["train_s"])

    @property
    def samples_per_s(self) -> float | None:
        return None if self.train_s is None else self.record["time"].get("train_samples_per_s")

    def score(self, metric: str, when: str = "selected") -> float | None:
        """A metric at the ``selected``, ``best`` or ``last`` epoch."""
        return ((self.record.get("metrics") or {}).get(when) or {}).get(metric)


def find_runs(roots: Iterable[Path], store: Store | None = None) -> list[Run]:
    """Every run below the roots, in the order of their paths, each once; unreadable ones with their problem.

    Links are followed; a folder reached twice, also by a loop of links, is read once. Nothing below a run's own folder
    is looked at.
    """
    seen: set[tuple[int, int]] = set()
    folders = sorted(folder for root in roots for folder in _run_folders(Path(root).resolve(), seen))
    stamps = {str(folder): _stamp(folder) for folder in folders}
    known = store.records(stamps) if store else {}
    runs = [read_run(folder, known.get(str(folder)), stamps[str(folder)]) for folder in folders]
    if store:
        store.keep_records({str(run.folder): (run.stamp, run.record) for run in runs
                            if run.record and str(run.folder) not in known})  # fmt: skip
    return runs


def _run_folders(root: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                names = list(entries)
            if any(entry.name == RESULT for entry in names):
                yield folder
            else:
                waiting += [folder / entry.name for entry in names if entry.is_dir()]
        except OSError:  # no permission, or gone since it was listed
            continue


def _stamp(folder: Path) -> Stamp:
    stamp: list[int] = []
    for name in (RESULT, PREDICTIONS):
        try:
            status = (folder / name).stat()
            stamp += [status.st_mtime_ns, status.st_size]
        except OSError:
            stamp += [0, 0]
    return tuple(stamp)


def read_run(folder: Path, record: dict[str, Any] | None = None, stamp: Stamp | None = None) -> Run:
    """Read one record, or take the one that is known; never raises for what a file may hold."""
    stamp = _stamp(folder) if stamp is None else stamp
    if record is None:
        try:
            record = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            return Run(folder, {}, f"unreadable: {error}", stamp)
    if not isinstance(record, dict):
        return Run(folder, {}, "unreadable: not a record", stamp)
    try:
        problem = _problem(record)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        problem = f"unreadable: {type(error).__name__}: {error} where the record's field should be"
    return Run(folder, record, problem, stamp)


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
    _check_types(record)
    return None


def _check_types(record: dict[str, Any]) -> None:
    """Touch what a comparison will use, so that a record with holes is named before the table is drawn."""
    float(record["primary_metric"]["value"]), str(record["primary_metric"]["name"]), int(record["seed"])
    str(record["method"]), str(record["data"]), str(record["backbone"])
    for key in ("adapter", "router", "head", "trainable", "total"):
        int(record["params"][key])
    float(record["time"]["train_s"])
    for key in ("memory", "training", "metrics"):
        dict(record.get(key) or {})


def read_history(folder: Path, strict: bool = False) -> list[dict[str, Any]]:
    """The lines of a run's ``history.jsonl``; none if it has no such file (an imported run).

    Args:
        folder: the run's.
        strict: refuse a line that is no JSON object, instead of leaving it out; a killed run leaves half of one.

    Raises:
        UserError: where ``strict`` says so.
    """
    path = folder / HISTORY
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for text in filter(str.strip, texts):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if isinstance(line, dict):
            found.append(line)
        elif strict:
            raise UserError(f"{path} cannot be read: {text[:80]!r} is no JSON object")
    return found
