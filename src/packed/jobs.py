"""The jobs of a pack within their process: each in a folder, a log and a record of its own."""

import functools
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from omegaconf import DictConfig

from src.packed.limits import Limits
from src.packed.member import Member, shared_state
from src.packed.pack import Pack
from src.packed.pack_outcome import PackOutcome
from src.sweep.sweep_job import Outcome, Status, execute, run_composed
from src.training.interrupt import Interrupted
from src.training.isolation import isolated
from src.utils.places import make_folder

log = logging.getLogger(__name__)

LINE = "[%(asctime)s][%(threadName)s] - %(message)s"


def run_pack(configs: Sequence[DictConfig], limits: Limits) -> PackOutcome:
    """Train the jobs together; each one's outcome is as if it had run alone, or None if they have to run so."""
    if shared_state() is None:
        version = metadata.version("accelerate")
        log.warning("accelerate %s keeps its trainers' common state elsewhere: no jobs are packed", version)
        return PackOutcome("ok", outcomes=(None,) * len(configs))
    names = [str(config.hydra.sweep.subdir) for config in configs]
    works = [functools.partial(_work, config) for config in configs]
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter(LINE))
    logging.basicConfig(level=logging.INFO, handlers=[console], force=True)
    with isolated():
        pack = Pack(dict(zip(names, works, strict=True)), limits)
        members = pack.run()
    outcomes = tuple(_outcome(member) for member in members)
    statuses = [outcome.status for outcome in outcomes if outcome is not None]
    worst: Status = "interrupted" if "interrupted" in statuses else "failed" if "failed" in statuses else "ok"
    return PackOutcome(worst, outcomes=outcomes)


def _work(config: DictConfig, member: Member) -> Outcome:
    with _own_log(config):
        # The process's log stays its own: configured for each job, it would be the last one's.
        return run_composed(config, functools.partial(execute, execution=member), configure_logging=False)


def _outcome(member: Member) -> Outcome | None:
    if member.error is None:
        return member.result
    if isinstance(member.error, Interrupted):
        return Outcome("interrupted", str(member.error))
    return Outcome("failed", str(member.error).partition("\n")[0] or type(member.error).__name__)


@contextmanager
def _own_log(config: DictConfig) -> Iterator[None]:
    """Within the block what this thread logs goes to the job's own log file, too."""
    folder = Path(config.hydra.sweep.dir, config.hydra.sweep.subdir)
    make_folder(folder)
    handler = logging.FileHandler(folder / f"{config.hydra.job.name}.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"))
    own = threading.get_ident()
    handler.addFilter(lambda line: line.thread == own)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
