"""What a folder's jobs are doing, seen from outside: read from their records, locks and histories, nothing written."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from src.runs.folders import find_folders
from src.runs.layout import RESULT, RunFolder
from src.runs.lock import owner
from src.runs.reading import read_record
from src.runs.run_record import RunRecord
from src.sweep.duration import estimate, total_seconds
from src.sweep.jobs_file import JOBS, read_jobs
from src.sweep.outline import Outline, own_words, position
from src.utils.errors import UserError
from src.utils.text import line

State = Literal["done", "running", "failed", "interrupted", "killed", "waiting", "unreadable"]
GOES_ON: tuple[State, ...] = ("waiting", "interrupted", "killed")  # what the same command would run


@dataclass(frozen=True)
class JobStatus:
    """One job as it stands.

    Attributes:
        label: what tells it from the others.
        state: what became of it up to now.
        outline: how large it is.
        given: the overrides that make it, where a list of jobs tells.
        record: its record; it says nothing where there is none yet.
        owner: the process that has it, in words.
        share: of its training, what it has behind it.
        words: how far it is, how it ended, or why.
        elapsed: seconds since it started, of one that runs.
    """

    label: str
    state: State
    outline: Outline
    given: tuple[str, ...]
    record: RunRecord
    owner: str | None = None
    share: float = 0.0
    words: str = ""
    elapsed: float = 0.0


@dataclass(frozen=True)
class Status:
    """All jobs of a folder, and when the last of them will have ended.

    Attributes:
        folder: that was looked at.
        jobs: in the order of their sweep's list, then of their names.
    """

    folder: Path
    jobs: list[JobStatus]

    @property
    def counts(self) -> Counter[str]:
        """How many jobs are in each state."""
        return Counter(job.state for job in self.jobs)

    def of(self, *states: State) -> list[JobStatus]:
        return [job for job in self.jobs if job.state in states]

    @property
    def common(self) -> set[str]:
        """The overrides that all jobs have."""
        given = [set(job.given) for job in self.jobs if job.given]
        return set.intersection(*given) if len(given) > 1 else set()

    def left_of(self, job: JobStatus) -> float | None:
        """Seconds until a job ends: by finished jobs that are like it, else by how far it has come."""
        if job.state == "running" and job.share >= 1:
            return 0.0
        finished = [(other, other.record) for other in self.of("done")]
        if (whole := estimate(job, finished)) is not None:
            return whole * (1 - job.share)
        if job.state == "running" and job.share > 0:
            return job.elapsed * (1 - job.share) / job.share
        return None

    def left(self) -> float | None:
        """Seconds until the last job ends, with as many at a time as run now; None if nothing runs, or tells.

        A job whose time nothing tells takes as long as the running ones do on average.
        """
        running = self.of("running")
        times = {id(job): self.left_of(job) for job in (*running, *self.of(*GOES_ON))}
        known = [(job, time) for job in running if (time := times[id(job)]) is not None]
        if not known:
            return None
        whole = [time / (1 - job.share) for job, time in known if job.share < 1]
        typical = sum(whole) / len(whole) if whole else 0.0
        total = sum(typical if time is None else time for time in times.values())
        return max(*(time for _, time in known), total / len(running))


def look(folder: Path) -> Status:
    """Look at every job of a folder, which may be a run's, a sweep's, or lie above several.

    Raises:
        UserError: if there is no such folder, or no job in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    sweeps = [entry.folder for entry in find_folders([folder], JOBS) if entry.problem is None]
    listed = {sweep / job.name: job for sweep in sorted(sweeps) for job in read_jobs(sweep)}
    found = sorted(entry.folder for entry in find_folders([folder], RESULT) if entry.problem is None)
    places = list(dict.fromkeys([*listed, *found]))
    if not places:
        raise UserError(f"{folder} holds no run, and no list of a sweep's jobs")
    common = set.intersection(*(set(job.given) for job in listed.values())) if len(listed) > 1 else set()
    jobs = []
    for place in places:
        job = listed.get(place)
        label = (own_words(job.given, common) if job else "") or place.name
        jobs.append(_job(place, label, job.given if job else (), job.outline if job else None))
    return Status(folder, jobs)


def _job(folder: Path, label: str, given: tuple[str, ...], outline: Outline | None) -> JobStatus:
    record, holder = read_record(folder), owner(folder, probe=False)
    outline = outline or Outline.of(record.config.content)
    status, label = record.status, line(label)
    if holder is not None and status != "ok":
        share, words = position(folder, outline) if status == "running" else (0.0, "starts")
        return JobStatus(label, "running", outline, given, record, holder, share, line(words), _elapsed(record))
    state = _state(status, RunFolder(folder).result.exists())
    share = position(folder, outline)[0] if state in ("interrupted", "killed") else 0.0
    return JobStatus(label, state, outline, given, record, None, share, line(_words(state, record, share)))


def _state(status: str | None, there: bool) -> State:
    match status:
        case "ok":
            return "done"
        case "failed":
            return "failed"
        case "interrupted":
            return "interrupted"
        case "running":
            return "killed"  # nobody holds it
    return "unreadable" if there else "waiting"


def _words(state: State, record: RunRecord, share: float) -> str:
    if state == "done":
        value, seconds = record.score, total_seconds(record)
        return (f"{record.primary_metric.name} {value:.4f}" if value is not None else "no score") + (
            f" in {seconds:,.0f} s" if seconds else ""
        )
    if state in ("failed", "interrupted"):
        said = (record.error.line or "no reason given")[:200]
        return said if state == "failed" else f"{said}, after {share:.0%} of its training"
    return {"killed": f"its process is gone, after {share:.0%} of its training", "waiting": "not started",
            "unreadable": "its record cannot be read"}[state]  # fmt: skip


def _elapsed(record: RunRecord) -> float:
    """Seconds since a run started, by its record; 0 where that says nothing of the kind."""
    try:
        started = datetime.fromisoformat(str(record.started))
        return max(0.0, (datetime.now(UTC) - started).total_seconds())
    except (ValueError, TypeError):
        return 0.0
