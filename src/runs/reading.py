"""Finding and reading run records below any folders."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.runs.finding import Found, find_folders
from src.runs.layout import HISTORY, PREDICTIONS, RESULT
from src.runs.schema import RecordError, check_comparable, check_line, check_record, parse_record
from src.runs.store import Store
from src.utils.errors import UserError, in_short
from src.utils.files import open_regular, read_regular
from src.utils.strict_json import read_json
from src.utils.text import printable, shown_path

log = logging.getLogger(__name__)

# A folder's state as far as a comparison goes: time of change and size of its record and its predictions.
Stamp = tuple[int, ...]
LARGEST_RECORD = 64 * 2**20  # bytes
LARGEST_HISTORY = 256 * 2**20
LARGEST_LINE = 2**20


@dataclass(frozen=True)
class Run:
    """One run folder and what its ``result.json`` says; ``problem`` is why it cannot be compared, or None.

    A record that breaks the schema is not here at all: it is empty, and the problem says so.
    """

    folder: Path
    record: dict[str, Any]
    problem: str | None
    stamp: Stamp = ()

    @property
    def name(self) -> str:
        return printable(self.folder.name)

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
    """Every run below the roots, in the order of their paths, each once, and what could not be looked into.

    Links are followed; a folder reached twice, also by a loop of links, is read once. Each run that cannot be read, and
    each entry that cannot be followed, is in the list with its problem: nothing is left out without a word.
    """
    found = sorted(find_folders(roots, RESULT), key=lambda entry: entry.folder)
    stamps = {str(entry.folder): _stamp(entry.folder) for entry in found if entry.problem is None}
    known = store.records(stamps) if store else {}
    runs = [_read_found(entry, known, stamps) for entry in found]
    if store:
        store.keep_records({str(run.folder): (run.stamp, run.record) for run in runs
                            if run.problem is None and str(run.folder) not in known})  # fmt: skip
    return runs


def _read_found(entry: Found, known: dict[str, dict[str, Any]], stamps: dict[str, Stamp]) -> Run:
    if entry.problem is not None:
        return Run(entry.folder, {}, entry.problem)
    key = str(entry.folder)
    return read_run(entry.folder, known.get(key), stamps[key])


def _stamp(folder: Path) -> Stamp:
    stamp: list[int] = []
    for name in (RESULT, PREDICTIONS):
        try:
            status = (folder / name).stat()
            stamp += [status.st_mtime_ns, status.st_size]
        except OSError:
            stamp += [0, 0]
    return tuple(stamp)


def load_record(folder: Path) -> dict[str, Any]:
    """A run's record, in which every field is what the schema says.

    Raises:
        FileNotFoundError: if there is none.
        RecordError: if it cannot be read, or breaks the schema.
    """
    try:
        return parse_record(read_regular(folder / RESULT, LARGEST_RECORD))
    except (RecordError, FileNotFoundError):
        raise
    except OSError as error:
        raise RecordError(f"unreadable: {error.strerror or in_short(error)}") from error


def read_run(folder: Path, record: dict[str, Any] | None = None, stamp: Stamp | None = None) -> Run:
    """Read one record, or take the one that is known; never raises for what a file may hold."""
    stamp = _stamp(folder) if stamp is None else stamp
    if record is not None and _is_comparable(record):
        return Run(folder, record, None, stamp)
    try:
        record = load_record(folder)
    except FileNotFoundError as error:
        return Run(folder, {}, f"unreadable: {error.strerror}", stamp)
    except RecordError as error:
        return Run(folder, {}, str(error), stamp)
    except Exception as error:  # the last net: what no rule foresaw costs one run, and no comparison
        return Run(folder, {}, f"unreadable: {in_short(error)}", stamp)
    return Run(folder, record, _problem(record), stamp)


def _is_comparable(record: dict[str, Any]) -> bool:
    """Whether a kept record can be believed: what was kept may be damaged, and then the file is read."""
    try:
        check_record(record)
        return _problem(record) is None
    except RecordError:
        return False


def read_again(folders: Iterable[str]) -> dict[str, Run]:
    """The runs of a comparison once more, by folder; raises UserError if one has changed since, and is none now."""
    runs = {folder: read_run(Path(folder)) for folder in folders}
    for folder, run in runs.items():
        if run.problem is not None:
            raise UserError(f"{folder} has changed while it was compared: {run.problem}")
    return runs


def _problem(record: dict[str, Any]) -> str | None:
    """Why a sound record cannot be compared."""
    status = record.get("status")
    if status == "failed":
        return f"failed: {(record.get('error') or {}).get('message') or 'no reason given'}"
    if status != "ok":
        return f"status {status!r}: not finished"
    if (record.get("primary_metric") or {}).get("value") is None:
        return "no score: " + (", ".join(record.get("flags") or []) or "the metric is missing")
    return check_comparable(record)


def read_history(folder: Path, strict: bool = False) -> list[dict[str, Any]]:
    """The lines of a run's ``history.jsonl``; none if it has no such file (an imported run).

    Args:
        folder: the run's.
        strict: refuse a line that breaks the schema, instead of leaving it out with a warning. A last line without an
            end is left out in silence: a killed run leaves half of one.

    Raises:
        UserError: where ``strict`` says so.
    """
    path = folder / HISTORY
    found, problems = [], []
    try:
        for number, line in _lines(path):
            problem = line if isinstance(line, str) else check_line(line)
            if problem is None:
                found.append(line)
            else:
                problems.append(f"line {number}: {problem}")
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(error.strerror or in_short(error))
    if problems and strict:
        raise UserError(f"{shown_path(path)} cannot be read: {problems[0]}")
    if problems:
        more = f" ({len(problems)} such lines)" if len(problems) > 1 else ""
        log.warning("%s: left out: %s%s", shown_path(path), problems[0], more)
    return found


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The number of each line, and its value, or in its place what is wrong with it as a text."""
    with open_regular(path, LARGEST_HISTORY) as file:
        for number, text in enumerate(iter(lambda: file.readline(LARGEST_LINE), b""), start=1):
            if not text.strip():
                continue
            try:
                line = read_json(text)
            except ValueError as error:
                if text.endswith(b"\n") or len(text) == LARGEST_LINE:
                    yield number, f"{printable(text[:80].decode(errors='replace').strip())!r} is no JSON: {error}"
                continue
            yield number, "no JSON object" if isinstance(line, str) else line
