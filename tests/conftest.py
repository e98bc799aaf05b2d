"""Fixtures that run the real configs on the embedded backbone."""

import atexit
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Before any library reads them: tests ask no network, and leave nothing in the user's cache.
os.environ["HF_HUB_OFFLINE"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:  # processes that share the cores must not each start a thread on all of them
    os.environ.setdefault("OMP_NUM_THREADS", "1")
else:  # the workers inherit it
    os.environ["PEFT_VERDICT_CACHE"] = tempfile.mkdtemp(prefix="peft-verdict-tests-")
    atexit.register(shutil.rmtree, os.environ["PEFT_VERDICT_CACHE"], ignore_errors=True)

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from src.cli import CONF, run_app
from src.config.overrides import prepare_override
from src.utils import reuse

NANO = [
    "experiment=demo",
    "data.max_train_samples=80",
    "data.max_eval_samples=32",
    "training.per_device_train_batch_size=16",
    "training.num_train_epochs=2",
    "training.disable_tqdm=true",
    "training.logging_steps=2",
]


LONGEST = ("packed/test_pack.py", "tune/test_tune.py", "test_sweep.py", "sweep/test_pool.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: workers that get whole files then end at about the same time."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Call ``main.py`` in this process, where it does not end well; returns its exit status."""
    import main

    monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
    GlobalHydra.instance().clear()
    with pytest.raises(SystemExit) as stop:
        run_app(main.main)
    return stop.value.code  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What Hydra, called within a test, makes of the logging is undone: the next test may look at log lines."""
    root, loggers = logging.getLogger(), logging.Logger.manager.loggerDict
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for logger in list(loggers.values()):
        if isinstance(logger, logging.Logger):
            logger.disabled = False


def compose_config(*overrides: str) -> DictConfig:
    """The config that ``python main.py OVERRIDES`` would run."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=[prepare_override(override) for override in overrides])


@pytest.fixture(autouse=True)
def nothing_kept_for_the_next() -> Iterator[None]:
    """A sweep within a test lets the process keep what it loads; the next test is a process of its own."""
    before, hydra = reuse.enabled(), HydraConfig.instance().cfg
    yield
    reuse._enabled, HydraConfig.instance().cfg = before, hydra


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train ``NANO`` plus overrides; the same overrides train once a session. Returns the run's folder."""
    from src.training.run import run_job

    done: dict[tuple[str, ...], Path] = {}

    def train(*overrides: str, again: bool = False) -> Path:
        if again or overrides not in done:
            folder = tmp_path_factory.mktemp("run")
            run_job(compose_config(*NANO, *overrides), folder)
            done[overrides] = folder
        return done[overrides]

    return train


class Stateless:
    """A run of which a checkpoint holds nothing, or what is given."""

    def __init__(self, state: dict | None = None) -> None:
        self.state = state or {}

    def state_dict(self) -> dict:
        return self.state

    def load_state_dict(self, state: dict | None) -> None: ...
