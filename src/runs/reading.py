"""Finding and reading run records below any folders."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from src.runs.folders import Found, find_folders
from src.runs.layout import RESULT, RunFolder
from src.runs.run_record import Counts, RunRecord
from src.runs.schema import RecordError, check_comparable, checked_record, lenient_record, parse_record
from src.runs.store import Store
from src.utils.errors import UserError, in_short
from src.utils.files import read_regular
from src.utils.text import printable

# A folder's state as far as a comparison goes: time of change and size of its record and its predictions.
Stamp = tuple[int, ...]
LARGEST_RECORD = 64 * 2**20  # bytes; ours have some thousands
NOTHING = RunRecord()


@dataclass(frozen=True)
class Run:
    """One run folder and what its ``result.json`` says; ``problem`` is why it cannot be compared, or None.

    A record that breaks the schema is not here at all: it says nothing, and the problem says so.
    """

    folder: Path
    record: RunRecord
    problem: str | None
    stamp: Stamp = ()

    @property
    def name(self) -> str:
        return printable(self.folder.name)

    @property
    def method(self) -> str:
        return self.record.method

    @property
    def seed(self) -> int:
        return self.record.seed

    @property
    def params(self) -> Counts:
        return self.record.params

    @property
    def trains_everything(self) -> bool:
        return self.params.trainable == self.params.total

    @property
    def peak_mb(self) -> float | None:
        """The largest memory in use; a packed run has none of its own, nor time or speed."""
        memory = self.record.memory
        return (memory.peak_device_mb or memory.peak_rss_mb) if self.record.alone else None

    @property
    def train_s(self) -> float | None:
        """Seconds of training."""
        seconds = self.record.time.train_s if self.record.alone else None
        return None if seconds is None else float(seconds)

    @property
    def samples_per_s(self) -> float | None:
        return self.record.time.train_samples_per_s if self.record.alone else None

    def score(self, metric: str, when: str = "selected") -> float | None:
        """A metric at the ``selected``, ``best`` or ``last`` epoch."""
        return self.record.scores(when).get(metric)


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
        store.keep_records({str(run.folder): (run.stamp, run.record.content) for run in runs
                            if run.problem is None and str(run.folder) not in known})  # fmt: skip
    return runs


def _read_found(entry: Found, known: Mapping[str, Mapping[str, object]], stamps: Mapping[str, Stamp]) -> Run:
    if entry.problem is not None:
        return Run(entry.folder, NOTHING, entry.problem)
    key = str(entry.folder)
    return read_run(entry.folder, known.get(key), stamps[key])


def _stamp(folder: Path) -> Stamp:
    stamp: list[int] = []
    own = RunFolder(folder)
    for path in (own.result, own.predictions):
        try:
            status = path.stat()
            stamp += [status.st_mtime_ns, status.st_size]
        except OSError:
            stamp += [0, 0]
    return tuple(stamp)


def load_record(folder: Path) -> RunRecord:
    """A run's record, in which every field is what the schema says.

    Raises:
        FileNotFoundError: if there is none.
        RecordError: if it cannot be read, or breaks the schema.
    """
    try:
        return parse_record(read_regular(RunFolder(folder).result, LARGEST_RECORD))
    except (RecordError, FileNotFoundError):
        raise
    except OSError as error:
        raise RecordError(f"unreadable: {error.strerror or in_short(error)}") from error


def read_record(folder: Path) -> RunRecord:
    """A run's record; one that says nothing if there is none that can be read.

    Of a record that breaks the schema its status alone, so that a finished run counts as another one, and not as none.
    """
    try:
        return load_record(folder)
    except FileNotFoundError:
        return NOTHING
    except RecordError as error:
        return RunRecord(status=error.status)


def unchecked_record(folder: Path) -> RunRecord:
    """What ``result.json`` says, as far as it can be true: enough to see whose folder it is.

    A record that cannot be read says nothing; ``content`` has every key, whatever its value.
    """
    try:
        record = json.loads(read_regular(RunFolder(folder).result, LARGEST_RECORD))
    except (OSError, ValueError, RecursionError):
        return NOTHING
    return lenient_record(record) if isinstance(record, dict) else NOTHING


def read_run(folder: Path, known: Mapping[str, object] | None = None, stamp: Stamp | None = None) -> Run:
    """Read one record, or take the one that is known; never raises for what a file may hold."""
    stamp = _stamp(folder) if stamp is None else stamp
    if known is not None and (record := _believed(known)) is not None:
        return Run(folder, record, None, stamp)
    try:
        record = load_record(folder)
    except FileNotFoundError as error:
        return Run(folder, NOTHING, f"unreadable: {error.strerror}", stamp)
    except RecordError as error:
        return Run(folder, NOTHING, str(error), stamp)
    except Exception as error:  # the last net: what no rule foresaw costs one run, and no comparison
        return Run(folder, NOTHING, f"unreadable: {in_short(error)}", stamp)
    return Run(folder, record, _problem(record), stamp)


def _believed(known: Mapping[str, object]) -> RunRecord | None:
    """A kept record that can be compared; what was kept may be damaged, and then the file is read."""
    try:
        record = checked_record(known)
    except RecordError:
        return None
    return record if _problem(record) is None else None


def read_again(folders: Iterable[str]) -> dict[str, Run]:
    """The runs of a comparison once more, by folder; raises UserError if one has changed since, and is none now."""
    runs = {folder: read_run(Path(folder)) for folder in folders}
    for folder, run in runs.items():
        if run.problem is not None:
            raise UserError(f"{folder} has changed while it was compared: {run.problem}")
    return runs


def _problem(record: RunRecord) -> str | None:
    """Why a sound record cannot be compared."""
    if record.status == "failed":
        return f"failed: {record.error.message or 'no reason given'}"
    if record.status != "ok":
        return f"status {record.status!r}: not finished"
    if record.score is None:
        return "no score: " + (", ".join(record.flags) or "the metric is missing")
    return check_comparable(record)
