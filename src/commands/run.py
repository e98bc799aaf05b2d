"""A single run of the command line: a mistake, or a folder that is not its own, is told before anything is written."""

import contextlib
import math
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from src.cli import HiddenByHydraError, answered, at_failure
from src.commands.earlier import look
from src.runs.before import Before
from src.runs.checked import check_job
from src.runs.claim import claimed, refuse_places, refuse_strangers
from src.runs.layout import HYDRA, RunFolder
from src.runs.reading import unchecked_record
from src.training.run import run_job
from src.utils import fence
from src.utils import resume_hint as resume
from src.utils.errors import UserError
from src.utils.files import write_whole
from src.utils.places import UnwritableError, note_output
from src.utils.redact import hide
from src.utils.terminal import say

# By the run's folder, from before Hydra's first byte until the job begins: how it was, and the lock that is held.
_claims: dict[Path, tuple["Before", ExitStack]] = {}


class CheckedFirst(Callback):
    """What Hydra calls before it makes the folder of a single run: a wrong config or folder ends here."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        try:
            with answered(begun=False):
                self._check(config)
        except Exception as error:
            raise HiddenByHydraError from error

    def _check(self, config: DictConfig) -> None:
        from src.sweep.compose import task_config

        cfg = task_config(config)
        check_job(cfg)
        hide(config)  # Hydra writes it down before the run begins
        folder = _absolute(config.hydra.run.dir)
        with read_write(config), open_dict(config):
            config.hydra.run.dir = str(folder)
        if not fence.writes():
            _end_with_the_first(cfg, config)
            return
        names = [str(config.hydra.output_subdir or HYDRA), f"{config.hydra.job.name}.log"]
        if (done := claim(cfg, folder, names)) is not None:
            say(done)
            sys.exit(0)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """A launcher that composes the job anew has the secrets of config files in it, and Hydra has saved them."""
        if config.hydra.output_subdir is None or not hide(config):
            return
        for file in (Path(config.hydra.runtime.output_dir) / config.hydra.output_subdir).glob("*.yaml"):
            saved: Any = OmegaConf.load(file)
            if isinstance(saved, DictConfig) and hide(saved):
                write_whole(file, OmegaConf.to_yaml(saved))


def claim(cfg: DictConfig, folder: Path, names: Sequence[str] = (), again: bool = False) -> str | None:
    """Take the folder for the run, which ``run_alone`` then has; or say why no run is needed.

    Args:
        cfg: the composed config, without Hydra's node.
        folder: the run's, absolute.
        names: what else than the run itself is going to be written there.
        again: run a finished run that is the one asked for again.

    Returns:
        What there is to say of a finished run that stays; None when the folder is taken.

    Raises:
        UserError: if the folder is a stranger's, another run's or another process's; nothing is written then.
    """
    note_output(folder, "hydra.run.dir")
    refuse_places(folder)
    refuse_strangers(folder, names)
    if (done := look(cfg, folder, again)) is not None:
        return done
    before, lock = Before(folder), ExitStack()
    try:
        lock.enter_context(claimed(folder, names))
    except UnwritableError as error:
        if folder.exists():
            raise
        raise UnwritableError(f"the run's folder cannot be made: {error}") from error
    before.note()
    _claims[folder] = before, lock
    try:
        done = look(cfg, folder, again)  # once more: another process may have been here before the lock was ours
    except BaseException:
        undo()
        raise
    if done is not None:
        undo()
    return done


def undo() -> None:
    """Take back what was made of the folder of a run that could not be started."""
    while _claims:
        before, lock = _claims.popitem()[1]
        with lock:
            before.restore()


at_failure.append(undo)


def run_alone(cfg: DictConfig, folder: str | Path) -> float:
    """Run the one job of a command; see ``run_job``. After a signal, or on a full disk, it can be gone on with."""
    folder = Path(folder)
    if not fence.writes():
        return run_job(cfg, folder)
    # Hydra runs a pickled config without its callbacks, and a command may take them out of the config.
    again = any(word.startswith("--e") for word in sys.argv)  # --experimental-rerun, which argparse lets be shortened
    if folder not in _claims and (done := claim(cfg, folder, again=again)) is not None:
        say(done)
        return math.nan if (value := unchecked_record(folder).score) is None else value
    before, lock = _claims.pop(folder)
    try:
        with lock:
            return run_job(cfg, folder, before=before)
    except (KeyboardInterrupt, UnwritableError):
        if RunFolder(folder).result.exists():
            resume.offer("hydra.run.dir", folder)
        raise


def _absolute(folder: str) -> Path:
    """As Hydra makes it absolute, but for ``~``, which a shell leaves as it is behind an equals sign."""
    return Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100


def _end_with_the_first(cfg: DictConfig, config: DictConfig) -> None:
    """End a further process of a distributed run, whose folder is a temporary one, if the first one has no run to do.

    What the first one refuses ends them all.
    """
    key = "hydra.run.dir="
    words = [str(word).removeprefix(key) for word in config.hydra.overrides.hydra if str(word).startswith(key)]
    asked = [word for word in words[:-1] if "${" not in word]  # the last is this process's own
    with contextlib.suppress(UserError):
        if asked and look(cfg, _absolute(asked[-1].strip("'\""))) is not None:
            sys.exit(0)
