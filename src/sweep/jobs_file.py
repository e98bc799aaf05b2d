"""``jobs.json`` in a sweep's folder: which jobs it has, for whoever looks on from another terminal or machine."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.config.rules import check_rule
from src.runs.record import write_json
from src.sweep.outline import Outline
from src.sweep.sweep_job import SweepJob
from src.utils.errors import UserError
from src.utils.files import read_given
from src.utils.strict_json import read_json

JOBS = "jobs.json"
LARGEST = 64 * 2**20  # bytes
RULES = {"name": "str", "given": "list[str]", "backbone": "str", "data": "str", "metric": "str", "epochs": "float > 0",
         "steps": "int >= 1 | null"}  # fmt: skip


@dataclass(frozen=True)
class ListedJob:
    """A job as the sweep's folder lists it: the name of its folder, the overrides that make it, and its size."""

    name: str
    given: tuple[str, ...]
    outline: Outline


def write_jobs(folder: Path, jobs: Sequence[SweepJob]) -> None:
    """List the jobs, with those that an earlier command has listed there.

    Raises:
        UnwritableError: if the folder cannot be written.
    """
    listed = {job.name: job for job in read_jobs(folder)}
    listed |= {job.name: ListedJob(job.name, tuple(job.given), job.outline) for job in jobs}
    fields = [{"name": job.name, "given": list(job.given), **asdict(job.outline)} for job in listed.values()]
    if fields and len(json.dumps(fields)) < LARGEST // 2:
        write_json(folder / JOBS, {"jobs": fields})


def read_jobs(folder: Path) -> list[ListedJob]:
    """The jobs that a sweep has listed; none where there is no such list, or one that is no list of ours."""
    try:
        found = read_json(read_given(folder / JOBS, LARGEST))
    except (UserError, ValueError):
        return []
    entries = found.get("jobs") if isinstance(found, dict) else None
    return [_job(entry) for entry in entries if _is_job(entry)] if isinstance(entries, list) else []


def _is_job(entry: Any) -> bool:
    sound = isinstance(entry, dict) and all(check_rule(entry.get(key), rule) for key, rule in RULES.items())
    return sound and entry["name"] not in ("", ".", "..") and "/" not in entry["name"] and entry["name"].isprintable()


def _job(entry: dict[str, Any]) -> ListedJob:
    sizes = {key: entry[key] for key in ("backbone", "data", "metric", "epochs", "steps")}
    return ListedJob(entry["name"], tuple(entry["given"]), Outline(**sizes))
