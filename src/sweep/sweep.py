"""A sweep from start to end: which jobs there are, which are to be run, what became of them."""

import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from src.compare.after_sweep import after_sweep
from src.runs.checked import check_job
from src.runs.claim import refuse_strangers
from src.runs.layout import RunFolder
from src.runs.lock import LockedError, locked, owner
from src.runs.record import write_killed
from src.sweep.compose import Composer
from src.sweep.folder_names import job_name
from src.sweep.jobs_file import write_jobs
from src.sweep.live_status import shown
from src.sweep.outcome import print_summary
from src.sweep.sweep_job import BY_ANOTHER, STOP, Outcome, SweepJob, identify
from src.utils import resume_hint as resume
from src.utils.errors import UserError
from src.utils.places import UnwritableError, make_folder

log = logging.getLogger(__name__)

ROUNDS = 3  # launches of jobs that a launcher lost without starting them


def make_jobs(batch: Sequence[Sequence[str]], compose: Composer, folder: Path) -> list[SweepJob]:
    """Compose, name and identify every job; two spellings of one job are one job.

    Args:
        batch: the overrides of each job.
        compose: the sweeper's.
        folder: the sweep's, absolute.

    Raises:
        UserError: if the config of any of them is wrong; the message says how, and in how many.
    """
    jobs: dict[tuple[Any, ...], SweepJob] = {}
    tasks = [compose.task(overrides) for overrides in batch]
    plain = check_jobs(batch, tasks)
    for overrides, task, config in zip(batch, tasks, plain, strict=True):
        name = job_name(overrides, task)
        job = SweepJob(list(overrides), task, config, folder / name, len(jobs), compose)
        identify(job)
        jobs.setdefault(tuple(job.identity.values()) if job.problem is None else (name,), job)
    names = [job.name for job in jobs.values()]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"different jobs have one name: {', '.join(sorted(twice))}")
    return list(jobs.values())


def check_jobs(batch: Sequence[Sequence[str]], tasks: Sequence[DictConfig]) -> list[dict[str, object]]:
    """Validate every job before the first starts.

    Args:
        batch: the overrides of each job.
        tasks: what they compose to, without Hydra's node.

    Returns:
        The configs as plain containers, interpolations resolved.

    Raises:
        UserError: naming what is wrong, with the first job that has it.
    """
    wrong: dict[str, list[str]] = {}
    plain = []
    common = set.intersection(*map(set, batch))
    for overrides, task in zip(batch, tasks, strict=True):
        try:
            plain.append(check_job(task))
        except UserError as error:
            own = [override for override in overrides if override not in common]
            wrong.setdefault(str(error), []).append(" ".join(own))
    if not wrong:
        return plain
    count = sum(map(len, wrong.values()))
    if count == len(batch) and len(wrong) == 1:
        raise UserError(next(iter(wrong)))
    lines = [f"\n  {error} ({len(jobs)} of them, first: {jobs[0]})" for error, jobs in wrong.items()]
    more = f"\n  and {len(lines) - 10} other mistakes" if len(lines) > 10 else ""
    raise UserError(f"{count} of the sweep's {len(batch)} jobs are wrong; none was started:{''.join(lines[:10])}{more}")


def run_sweep(jobs: list[SweepJob], launcher: Launcher, folder: Path, settings: DictConfig) -> list[float | None]:
    """Run what is not done, and say how it went.

    Args:
        jobs: all jobs of the sweep.
        launcher: Hydra's, or one of ours.
        folder: the sweep's.
        settings: the config's ``sweep`` node.

    Returns:
        The jobs' primary metrics, None where there is none.

    Raises:
        UserError: if a finished job of the folder is another than the one asked for (and ``on_conflict=error``), if a
            job's folder holds what is not this program's, or, after all jobs have ended, if one failed, was interrupted
            or is left to another process that has not finished it.
        Interrupted: after Ctrl-C or SIGTERM.
    """
    for job in jobs:
        refuse_strangers(job.folder)
    states = [job.state() for job in jobs]
    _refuse_conflicts(jobs, states, settings.on_conflict)
    kept = ("done",) if settings.on_conflict == "rerun" else ("done", "conflict")
    outcomes: dict[str, Outcome] = {
        job.name: Outcome("skipped", value=job.record().score)
        for job, state in zip(jobs, states, strict=True)
        if state in kept
    }
    todo = [job for job in jobs if job.name not in outcomes]
    log.info("%d jobs in %s", len(jobs), folder)
    if outcomes:
        log.info("%d of %d jobs are done already: skipped", len(outcomes), len(jobs))
    (folder / STOP).unlink(missing_ok=True)
    write_jobs(folder, jobs)
    try:
        with shown(jobs, todo):
            _run_all(todo, launcher, outcomes, settings)
    finally:
        for job in todo:
            outcomes.setdefault(job.name, _outcome_of(job))
            if not outcomes[job.name].finished and job.state() == "done":  # by now
                outcomes[job.name] = Outcome("skipped", BY_ANOTHER, _outcome_of(job).value)
        found = [outcomes[job.name] for job in jobs]
        with suppress(OSError):  # a terminal or a pipe that is gone
            print_summary(jobs, found)
        after_sweep(folder)
    if all(outcome.finished for outcome in found):
        resume.withdraw()
    raise_unless_finished([job.name for job in jobs], found)
    return [outcome.value for outcome in found]


def raise_unless_finished(names: Sequence[str], outcomes: Sequence[Outcome], what: str = "jobs") -> None:
    """Raise UserError, for the exit status, if one of the jobs failed or is left unfinished, wherever it runs."""
    if failed := [outcome for outcome in outcomes if outcome.status == "failed"]:
        raise UserError(f"{len(failed)} of {len(names)} {what} failed, the first with: {failed[0].reason}")
    if left := [(name, own) for name, own in zip(names, outcomes, strict=True) if not own.finished]:
        reasons = Counter(own.reason or own.status for _, own in left)
        told = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common(5))
        raise UserError(f"{len(left)} of {len(names)} {what} are not finished: {told} (the first: {left[0][0]})")


def finish(jobs: list[SweepJob], launcher: Launcher, settings: DictConfig) -> dict[str, Outcome]:
    """Run those jobs that are not done; every job's outcome by its name."""
    outcomes = {job.name: _outcome_of(job) for job in jobs if job.state() == "done"}
    todo = [job for job in jobs if job.name not in outcomes]
    if todo:
        make_folder(todo[0].folder.parent)
        write_jobs(todo[0].folder.parent, jobs)
    with shown(jobs, todo):
        _run_all(todo, launcher, outcomes, settings)
    for job in todo:
        outcomes.setdefault(job.name, _outcome_of(job))
    return outcomes


def _run_all(todo: list[SweepJob], launcher: Launcher, outcomes: dict[str, Outcome], settings: DictConfig) -> None:
    """Launch until every job has an outcome. A launcher that breaks down loses the jobs that it had not started."""
    for _ in range(ROUNDS):
        lost = [job for job in todo if job.name not in outcomes]
        if not lost or (settings.fail_fast and any(o.status == "failed" for o in outcomes.values())):
            break
        before = {job.name: _changed(job) for job in lost}
        broke: Exception | None = None
        try:
            for job, result in zip(lost, _launch(launcher, lost), strict=False):
                if result is not None:
                    outcomes[job.name] = result
        except Exception as error:
            broke = error
            log.error("the launcher broke down: %s", error)
        for job in lost:
            if job.name in outcomes and outcomes[job.name].status != "failed":
                continue
            while broke and owner(job.folder):  # it goes on without the launcher
                time.sleep(1)
            if _changed(job) != before[job.name]:
                known = outcomes.get(job.name) or Outcome("failed", "its process was killed")
                _mark_killed(job, known.reason)
                # On a full disk the record cannot say how it ended.
                outcomes[job.name] = known if job.state() == "killed" else _outcome_of(job)
        if broke is None:
            break
    else:
        for job in todo:
            outcomes.setdefault(job.name, Outcome("failed", "the launcher did not start it"))


def _launch(launcher: Launcher, jobs: list[SweepJob]) -> list[Outcome | None]:
    if hasattr(launcher, "launch_composed"):  # ours: nothing is composed twice
        return launcher.launch_composed([job.config for job in jobs])
    returns: Sequence[JobReturn] = launcher.launch([job.overrides for job in jobs], initial_job_idx=0)
    return [_outcome(result) for result in returns]


def _outcome(result: JobReturn) -> Outcome:
    if result.status != JobStatus.COMPLETED:
        try:
            result.return_value  # noqa: B018  a failed job's raises what the job raised
        except Exception as error:
            return Outcome("failed", str(error).partition("\n")[0])
        return Outcome("failed", "the launcher says no more")
    value = result.return_value
    return value if isinstance(value, Outcome) else Outcome("failed", str(value).partition("\n")[0])


def _refuse_conflicts(jobs: list[SweepJob], states: Sequence[str], on_conflict: str) -> None:
    found = [job for job, state in zip(jobs, states, strict=True) if state == "conflict"]
    if found and on_conflict == "error":
        lines = "".join(f"\n  {job.folder}: other {', '.join(job.differences())}" for job in found[:10])
        raise UserError(
            f"{len(found)} finished jobs are not the ones asked for:{lines}\n"
            "sweep.on_conflict=rerun runs them again in their folders, keep takes them as they are; "
            "or give another folder with sweep.dir="
        )


def _outcome_of(job: SweepJob) -> Outcome:
    """A job's outcome as its record tells it."""
    record, state = job.record(), job.state()
    match state:
        case "done" | "conflict":
            return Outcome("ok", value=record.score)
        case "failed":
            return Outcome("failed", record.error.line)
        case "interrupted" | "killed":
            return Outcome("interrupted", record.error.line)
        case "running":
            return Outcome("skipped", f"running in {owner(job.folder)}")
    return Outcome("skipped", "not started")


def _mark_killed(job: SweepJob, reason: str) -> None:
    """Write the end into the record of a job whose process could not."""
    try:
        with locked(job.folder):
            write_killed(job.folder, reason)
    except LockedError:
        pass  # another process has taken the job over
    except UnwritableError as error:
        log.error("%s", error)


def _changed(job: SweepJob) -> int:
    path = RunFolder(job.folder).result
    return path.stat().st_mtime_ns if path.exists() else 0


def refuse_torchrun() -> None:
    """Raise UserError under torchrun: its processes would each plan the sweep on their own."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError(
            "a sweep under torchrun is not supported: run one job under torchrun, or use hydra/launcher=gpus"
        )
