"""Whatever fails after a sweep, its outcome stays: exit status, summary, what goes on."""

import errno
import logging
import os

import pytest

from src.compare import after_sweep as module
from src.sweep import sweep
from src.sweep.sweep_job import Outcome
from src.utils.places import UnwritableError

FAILURES = [
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    UnwritableError("no room"),
    BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)),
    KeyError("seed"),
    RecursionError("deep"),
    MemoryError(),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("place", ["src.compare.comparison.compare_runs", "src.runs.reading.find_runs"])
def test_a_failing_comparison_is_one_line(tmp_path, monkeypatch, caplog, capsys, place, failure):
    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(place, fail)
    with caplog.at_level(logging.ERROR):
        module.after_sweep(tmp_path)
    assert len(caplog.records) == 1 and str(tmp_path) in caplog.text and "Traceback" not in caplog.text
    assert "Traceback" not in capsys.readouterr().err


class NoLauncher:
    """Ends every job badly, without starting it."""

    def launch_composed(self, configs):
        return [Outcome("failed", "a reason") for _ in configs]


@pytest.mark.parametrize("broken", ["print_summary", "compare"])
def test_the_outcome_of_a_sweep_stays(tmp_path, monkeypatch, broken):
    """A sweep whose jobs failed says so also where its summary or its comparison cannot be printed."""
    from omegaconf import OmegaConf

    from src.sweep.compose import Composer
    from src.sweep.sweep_job import SweepJob
    from src.utils.errors import UserError

    def fail(*args, **kwargs):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    if broken == "compare":
        monkeypatch.setattr("src.compare.comparison.compare_runs", fail)
    else:
        monkeypatch.setattr(sweep, "print_summary", fail)
    plain = {"training": {"num_train_epochs": 1}, "data": {}}
    config = OmegaConf.create(plain)
    composed = OmegaConf.merge(config, {"hydra": {"sweep": {}, "job": {}}})
    job = SweepJob(["seed=0"], config, plain, tmp_path / "seed=0", 0, Composer(lambda _: composed))
    settings = OmegaConf.create({"on_conflict": "error", "fail_fast": False})
    with pytest.raises(UserError, match="1 of 1 jobs failed, the first with: a reason"):
        sweep.run_sweep([job], NoLauncher(), tmp_path, settings)  # type: ignore[arg-type]
