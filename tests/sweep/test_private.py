"""Where a later Hydra has moved what it gives no public name."""

import logging
import sys

import pytest
from omegaconf import OmegaConf

from src.sweep import sweep_job


@pytest.mark.parametrize("callbacks", [None, {"mine": {"_target_": "hydra.experimental.callback.Callback"}}])
def test_jobs_run_without_hydras_callbacks(callbacks, monkeypatch, caplog):
    config = OmegaConf.create({"hydra": {"callbacks": callbacks}})
    monkeypatch.setitem(sys.modules, "hydra._internal.callbacks", None)
    with caplog.at_level(logging.WARNING):
        found = sweep_job._callbacks(config)
    found.on_job_start(config=config, task_function=None)
    found.on_job_end(config=config, job_return=None)
    assert len(caplog.records) == bool(callbacks), "one line, and only to who has any"
