"""A single run of the command line: a mistake is told before its folder is made, or leaves the folder as it was."""

import contextlib
import os
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from src.cli import answered
from src.config import validate
from src.runs.record import RESULT, SUMMARY
from src.training.run import run_job
from src.utils import resume_hint as resume
from src.utils.files import whole, write_whole
from src.utils.places import UnwritableError, note_output
from src.utils.redact import hide

HYDRA, LOGS = ".hydra", "*.log"

_before: dict[Path, "Before"] = {}  # by the run's folder


class Before:
    """A run's folder as it was before the run, in all that a run writes before it trains.

    Args:
        folder: the run's, which need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # The folders that making this one makes, the innermost first.
        self.made = [path for path in (folder, *folder.parents) if not path.exists()]
        self.files = {path: path.read_bytes() for path in self._files(RESULT, SUMMARY, f"{HYDRA}/*.yaml")}
        self.logs = self._files(LOGS)  # a line about the mistake may stay in a log that was there

    def restore(self) -> None:
        """Take back what was written since, and the folders that are empty then."""
        kept = {*self.files, *self.logs}
        with contextlib.suppress(OSError):
            for path in self._files(RESULT, SUMMARY, f"{HYDRA}/*.yaml", LOGS):
                if path not in kept:
                    path.unlink()
            for path, content in self.files.items():
                if not path.is_file() or path.read_bytes() != content:
                    with whole(path) as temporary:
                        temporary.write_bytes(content)
            for path in [self.folder / HYDRA, *self.made]:
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()

    def _files(self, *patterns: str) -> list[Path]:
        return [path for pattern in patterns for path in self.folder.glob(pattern) if path.is_file()]


class CheckedFirst(Callback):
    """What Hydra calls before it makes the folder of a single run: a wrong config ends here, and leaves nothing."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        from src.sweep.job import task_config

        with answered(begun=False):  # Hydra makes a warning of what leaves a callback, but lets an exit pass
            validate(task_config(config))
            hide(config)  # Hydra writes it down before the run begins
            folder = Path(os.path.abspath(config.hydra.run.dir))  # noqa: PTH100  as Hydra makes it absolute
            _before[folder] = Before(folder)
            note_output(folder, "hydra.run.dir")

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """A launcher that composes the job anew has the secrets of config files in it, and Hydra has saved them."""
        if config.hydra.output_subdir is None or not hide(config):
            return
        for file in (Path(config.hydra.runtime.output_dir) / config.hydra.output_subdir).glob("*.yaml"):
            saved: Any = OmegaConf.load(file)
            if isinstance(saved, DictConfig) and hide(saved):
                write_whole(file, OmegaConf.to_yaml(saved))


def undo() -> None:
    """Take back what Hydra has made of the folder of a run that it could not start."""
    while _before:
        _before.popitem()[1].restore()


def run_alone(cfg: DictConfig, folder: str | Path) -> float:
    """Run the one job of a command; see ``run_job``. After a signal, or on a full disk, it can be gone on with."""
    try:
        return run_job(cfg, folder, before=_before.pop(Path(folder), None))
    except (KeyboardInterrupt, UnwritableError):
        if (Path(folder) / RESULT).exists():
            resume.offer("hydra.run.dir", folder)
        raise
