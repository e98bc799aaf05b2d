"""A folder's status in lines: what runs, what failed, how many are done, and when the last will have ended."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from src.sweep.live_status import clock
from src.sweep.status import GOES_ON, JobStatus, State, Status
from src.utils.text import shown_path

ORDER: tuple[State, ...] = ("running", "failed", "interrupted", "killed", "unreadable")
MOST = 20  # jobs of one state that are shown
DAY = 86_400  # seconds


def lines(status: Status) -> Iterator[str]:
    """What to print."""
    counts, total = status.counts, len(status.jobs)
    states = ("done", *ORDER, "waiting")
    told = ", ".join(f"{counts[state]} {state}" for state in states if counts[state])
    yield f"{shown_path(status.folder)}: {total} job{'s' * (total != 1)}: {told}"
    for state in ORDER:
        jobs = status.of(state)
        yield from (f"  {_line(job, status)}" for job in jobs[:MOST])
        if len(jobs) > MOST:
            yield f"  and {len(jobs) - MOST} more {state}"
    yield _end(status)


def _line(job: JobStatus, status: Status) -> str:
    if job.state != "running":
        return f"{job.state}: {job.label}: {job.words}"
    left = status.left_of(job)
    more = f", about {clock(left)} left" if left is not None else ""
    return f"running: {job.label}: {job.words}; {clock(job.elapsed)} so far{more} ({job.owner})"


def _end(status: Status) -> str:
    left, open_jobs = status.left(), status.of(*GOES_ON)
    if status.of("running"):
        if left is None:
            return "When they will end cannot be told yet: no job is finished, and none far enough."
        end = datetime.now() + timedelta(seconds=left)
        when = f"{end:%H:%M}" if left < DAY / 2 else f"{end:%Y-%m-%d %H:%M}"
        return f"About {clock(left)} left: the last ends at {when}, if they go on like this."
    if open_jobs:
        return f"Nothing runs. {len(open_jobs)} are left: the command that began them goes on when it is given again."
    return "Nothing runs, and nothing is left to run."
