"""How long a job will take, from those that are finished."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from src.sweep.job import SweepJob


def estimate(job: SweepJob, finished: Sequence[tuple[SweepJob, dict[str, Any]]]) -> float | None:
    """Seconds that the job will take in all, None if no finished job is like it.

    The median over the finished jobs on the same backbone and data that share most overrides with it, each scaled to
    this job's epochs (or steps).
    """
    alike = [
        (len(set(job.given) & set(other.given)), seconds * _work(job) / _work(other))
        for other, record in finished
        if (seconds := total_seconds(record)) is not None
        and other.task.backbone == job.task.backbone
        and other.task.data.name == job.task.data.name
        and (_steps(job) is None) == (_steps(other) is None)
    ]
    if not alike:
        return None
    most = max(shared for shared, _ in alike)
    return statistics.median(seconds for shared, seconds in alike if shared == most)


def total_seconds(record: Mapping[str, Any]) -> float | None:
    """What a finished job took in all; None where its record does not say so."""
    return (record.get("time") or {}).get("total_s")


def _steps(job: SweepJob) -> int | None:
    steps = job.task.training.get("max_steps", -1)
    return steps if steps > 0 else None


def _work(job: SweepJob) -> float:
    return _steps(job) or job.task.training.num_train_epochs
