"""How long a job will take, from those that are finished."""

import statistics
from collections.abc import Sequence
from typing import Protocol

from src.runs.run_record import RunRecord
from src.sweep.outline import Outline


class Sized(Protocol):
    """A job as far as its time goes: the overrides that make it, and its outline."""

    @property
    def given(self) -> Sequence[str]: ...

    @property
    def outline(self) -> Outline: ...


def estimate(job: Sized, finished: Sequence[tuple[Sized, RunRecord]]) -> float | None:
    """Seconds that the job will take in all, None if no finished job is like it.

    The median over the finished jobs on the same backbone and data that share most overrides with it, each scaled to
    this job's epochs (or steps).
    """
    own = job.outline
    alike = [
        (len(set(job.given) & set(other.given)), seconds * own.work / like.work)
        for other, record in finished
        if (seconds := total_seconds(record)) is not None
        and (like := other.outline).backbone == own.backbone
        and like.data == own.data
        and (own.steps is None) == (like.steps is None)
    ]
    if not alike:
        return None
    most = max(shared for shared, _ in alike)
    return statistics.median(seconds for shared, seconds in alike if shared == most)


def total_seconds(record: RunRecord) -> float | None:
    """What a finished job took in all; None where its record does not say so."""
    return record.time.total_s
