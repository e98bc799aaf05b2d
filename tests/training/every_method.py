"""The walk over all methods of conf, on a few steps of a kind of task."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from src.runs.reading import load_record
from src.training.run import run_job
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config


def train_with(model: str, options: Sequence[str], folder: Path, refused: str | None = None) -> None:
    """Train to the end of a run, or be refused.

    Args:
        model: a choice of conf/model.
        options: data and steps, as overrides.
        folder: the run's.
        refused: what the message says, if the method does not fit the task.
    """
    if model == "roberta_peft":
        pytest.skip("names no method: model.peft._target_ does")
    config = compose_config(*NANO, *options, f"model={model}")
    if refused is not None:
        with pytest.raises(UserError, match=refused):
            run_job(config, folder)
        return
    run_job(config, folder)
    assert load_record(folder).status == "ok"
