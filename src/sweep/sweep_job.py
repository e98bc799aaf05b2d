"""One job of a sweep: what became of it so far, and running it so that the others never notice."""

import contextlib
import functools
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import run_job as run_in_hydra
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

import src.config.resolvers  # noqa: F401  registers the resolvers that the config needs, also in a worker
from src.runs.claim import claimed
from src.runs.identity import identity
from src.runs.lock import LockedError, owner
from src.runs.reading import read_record
from src.runs.run_record import RunRecord
from src.sweep.compose import Composer
from src.sweep.outline import Outline
from src.training.execution import ALONE, Execution
from src.training.run import resolve, run_job
from src.utils import reuse
from src.utils.errors import UserError
from src.utils.fence import LostLockError
from src.utils.keys import quoted
from src.utils.plain import plain

log = logging.getLogger(__name__)

STOP = ".stop"  # a failed job leaves it in the sweep's folder when the sweep is to end at the first failure
BY_ANOTHER = "finished by another process"

Status = Literal["ok", "failed", "interrupted", "skipped"]
State = Literal["new", "done", "conflict", "failed", "interrupted", "killed", "running"]


@dataclass
class SweepJob:
    """A job as planned.

    Attributes:
        given: the overrides that make it.
        task: its config without Hydra's node.
        plain: the same as plain containers, interpolations resolved.
        folder: its own, in the sweep's.
        number: its place in the sweep.
        compose: gives its config with Hydra's node, which is needed only where it is launched.
    """

    given: list[str]
    task: DictConfig
    plain: dict[str, object] = field(repr=False)
    folder: Path
    number: int
    compose: Composer = field(repr=False)
    identity: dict[str, str] = field(default_factory=dict)
    problem: str | None = None  # what will make it fail as soon as it starts
    resolved: dict[str, object] = field(init=False, repr=False)  # ``plain`` with its budget kept

    def __post_init__(self) -> None:
        self.resolved = self.plain

    @property
    def name(self) -> str:
        return self.folder.name

    @functools.cached_property
    def outline(self) -> Outline:
        """How large it is."""
        return Outline.of(self.plain)

    @functools.cached_property
    def config(self) -> DictConfig:
        """Composed, with Hydra's node, for a launcher of ours."""
        config = self.compose(self.given)
        with open_dict(config):
            if _logs_to_file(config):  # alone: the terminal has the sweep's own lines
                config.hydra.job_logging.root.handlers = ["file"]
            config.hydra.sweep.dir, config.hydra.sweep.subdir = str(self.folder.parent), self.name
            config.hydra.job.id = config.hydra.job.num = self.number
        return config

    @functools.cached_property
    def overrides(self) -> list[str]:
        """What composes to the same, for a launcher that composes itself."""
        place = [f"hydra.sweep.dir={quoted(str(self.folder.parent))}", f"hydra.sweep.subdir={quoted(self.name)}"]
        logs = ["hydra.job_logging.root.handlers=[file]"] if _logs_to_file(self.compose(self.given)) else []
        return [*self.given, *place, *logs]

    def record(self) -> RunRecord:
        """What ``result.json`` says; nothing if there is none that can be read."""
        return read_record(self.folder)

    def state(self) -> State:
        """What became of the job up to now."""
        record = self.record()
        match record.status:
            case "ok":
                return "done" if record.identity == self.identity else "conflict"
            case "failed":
                return "running" if owner(self.folder) else "failed"
            case "interrupted":
                return "running" if owner(self.folder) else "interrupted"
            case "running":
                return "running" if owner(self.folder) else "killed"
        return "running" if owner(self.folder) else "new"

    def differences(self) -> list[str]:
        """In which parts the finished run in the folder is another one."""
        found = self.record().identity
        return [part for part, value in self.identity.items() if found.get(part) != value]


@dataclass(frozen=True)
class Outcome:
    """How a job ended: ``ok``, ``failed``, ``interrupted``, or ``skipped`` (with the reason)."""

    status: Status
    reason: str = ""
    value: float | None = None

    @property
    def finished(self) -> bool:
        """Whether the job is done, now or before."""
        return self.status == "ok" or (self.status == "skipped" and self.reason in ("", BY_ANOTHER))


def _logs_to_file(config: DictConfig) -> bool:
    """Whether the job's log goes to a file besides the terminal."""
    return {"console", "file"} <= set(OmegaConf.select(config, "hydra.job_logging.root.handlers") or ())


def identify(job: SweepJob) -> None:
    """Work out the job's identity; a budget that cannot be met becomes its problem."""
    try:
        if (config := resolve(job.task)) is not job.task:
            job.resolved = plain(config)
    except UserError as error:
        job.problem = str(error)
    job.identity = identity(job.resolved)


def run_composed(config: DictConfig, task: TaskFunction, configure_logging: bool = True) -> Outcome:
    """Call a task function as Hydra does for a job of a sweep.

    Args:
        config: composed, with Hydra's node.
        task: given the config without that node.
        configure_logging: let the process's log be this job's.
    """
    no_loader: Any = None  # which Hydra keeps, and for a composed config never asks
    result = run_in_hydra(
        hydra_context=HydraContext(config_loader=no_loader, callbacks=_callbacks(config)),
        task_function=task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        configure_logging=configure_logging,
    )
    return result.return_value


class _NoCallbacks:
    """Stands in for what calls ``hydra.callbacks`` at the start and end of a job."""

    def on_job_start(self, **_: Any) -> None: ...

    def on_job_end(self, **_: Any) -> None: ...


def _callbacks(config: DictConfig) -> Any:
    """What calls ``hydra.callbacks``; Hydra gives it no public name, so a later version may have it elsewhere."""
    try:
        from hydra._internal.callbacks import Callbacks

        return Callbacks(config)
    except (ImportError, AttributeError, TypeError) as error:
        if config.hydra.get("callbacks"):
            log.warning("hydra.callbacks are not called for the jobs of a sweep: this Hydra is another (%s)", error)
        return _NoCallbacks()


def execute(cfg: DictConfig, execution: Execution = ALONE) -> Outcome:
    """The task function of every job of a sweep, on whatever machine: never raises but for Ctrl-C and SIGTERM.

    The job is skipped if it was finished meanwhile or another process works on it.
    """
    reuse.enable()
    folder = Path(HydraConfig.get().runtime.output_dir)
    stop = folder.parent / STOP
    if cfg.sweep.fail_fast and stop.exists():
        return Outcome("skipped", f"not started: {stop.read_text(encoding='utf-8')} failed")
    try:
        with claimed(folder):
            done = read_record(folder)
            if done.status == "ok" and _counts(done, cfg):
                return Outcome("skipped", BY_ANOTHER, done.score)
            return _run(cfg, folder, execution)
    except LockedError as error:
        return Outcome("skipped", f"running in {error.holder}")
    except LostLockError:  # another process took this one for dead
        return _taken_over(folder)
    except UserError as error:  # the folder is a stranger's
        return Outcome("failed", str(error).partition("\n")[0])
    finally:
        if "torch" in sys.modules:
            from src.training.isolation import release_memory

            release_memory()


def _taken_over(folder: Path) -> Outcome:
    """What has become of a job under its new owner."""
    if (holder := owner(folder)) is not None:
        return Outcome("skipped", f"running in {holder}")
    record = read_record(folder)
    if record.status == "ok":
        return Outcome("skipped", BY_ANOTHER, record.score)
    return Outcome("skipped", "taken over by another process, which did not finish it")


def _counts(record: RunRecord, cfg: DictConfig) -> bool:
    if cfg.sweep.on_conflict == "keep":
        return True
    return record.identity == identity(plain(resolve(cfg)))


def _run(cfg: DictConfig, folder: Path, execution: Execution) -> Outcome:
    try:
        return Outcome("ok", value=run_job(cfg, folder, execution))
    except (KeyboardInterrupt, LostLockError):
        raise
    except BaseException as error:  # SystemExit too: no job ends the sweep
        reason = str(error).partition("\n")[0] or type(error).__name__
        log.error("failed: %s", reason)
        if cfg.sweep.fail_fast:
            with contextlib.suppress(OSError):  # on a full disk the next job fails on its own
                (folder.parent / STOP).write_text(folder.name, encoding="utf-8")
        return Outcome("failed", reason)
