"""What a Trainer of another version would change is noticed, and the run goes on without it or says why it cannot."""

import logging

import pytest
from accelerate.state import GradientState
from transformers import Trainer

from src.packed.jobs import run_pack
from src.packed.limits import Limits
from src.packed.member import shared_state
from src.runs.layout import CHECKPOINT
from src.training import checkpoint, interrupt, trainer
from src.training.hooks import ACCUMULATION, ORDER, RESUME, missing
from src.training.interrupt import Interrupted
from src.training.resume import ResumableTrainer
from src.training.run import run_job
from src.training.trainer import VerdictTrainer
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config
from tests.training.test_runs import record

SMALL = ["data.max_train_samples=32", "data.max_eval_samples=16"]  # 2 steps
TABLES = {"RESUME": RESUME, "ORDER": ORDER, "ACCUMULATION": ACCUMULATION}


@pytest.mark.parametrize("table", TABLES)
def test_the_installed_trainer_has_every_part(table):
    assert missing(TABLES[table]) == []


@pytest.mark.parametrize("name", [name for table in TABLES.values() for name in table])
def test_a_part_under_another_name_is_missing(name):
    class Renamed:
        def train(self):
            return self.something_else

    assert missing({name: None}, Renamed) == [name]


@pytest.mark.parametrize("name", [name for table in TABLES.values() for name, known in table.items() if known])
def test_a_method_with_other_parameters_is_missing(name):
    class Changed:
        def train(self):
            return self._, self._known(), vars(self)

    setattr(Changed, name, lambda self, other: None)
    Changed.call = eval(f"lambda self: self.{name}()")
    parts = {name: (RESUME | ORDER)[name]}
    assert missing(parts, Changed) == [name]
    assert missing({name: ("self", "other")}, Changed) == []


def test_the_parts_are_those_that_our_trainer_overrides():
    """A private method of the library that ours replaces stands in one of the tables."""
    own = vars(VerdictTrainer).keys() | vars(ResumableTrainer).keys()
    overridden = {name for name in own if name in vars(Trainer) and name.startswith("_")}
    assert overridden - {"__init__", "__doc__", "__module__", "__annotations__"} <= RESUME.keys() | ORDER.keys()


@pytest.fixture
def without(monkeypatch):
    """Have one of the tables' parts look as if it were gone."""

    def lose(table: dict) -> None:
        for module in (checkpoint, trainer):
            monkeypatch.setattr(module, "missing", lambda parts: sorted(parts) if parts is table else [])

    return lose


def test_without_the_resume_state_a_run_trains_as_ever_and_keeps_no_checkpoint(without, train, tmp_path, caplog):
    expected = record(train(*SMALL))
    without(RESUME)
    saved = []
    with caplog.at_level(logging.WARNING), pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "save", lambda *args, **kwargs: saved.append(1))
        run_job(compose_config(*NANO, *SMALL, "checkpoint.every=1"), tmp_path)
    found = record(tmp_path)
    assert found["metrics"] == expected["metrics"]
    assert not saved
    assert [r.getMessage() for r in caplog.records if "no checkpoints" in r.getMessage()]


def test_without_the_resume_state_a_signal_still_ends_the_run(without, tmp_path, monkeypatch):
    without(RESUME)
    step = VerdictTrainer.training_step

    def signalled(self, *args, **kwargs):
        interrupt._Request.signum = 15
        return step(self, *args, **kwargs)

    monkeypatch.setattr(VerdictTrainer, "training_step", signalled)
    try:
        with pytest.raises(Interrupted):
            run_job(compose_config(*NANO, *SMALL), tmp_path)
    finally:
        interrupt._Request.signum = None
    assert record(tmp_path)["status"] == "interrupted"
    assert not (tmp_path / CHECKPOINT).exists()


def test_without_the_samplers_a_mix_is_refused(without, tmp_path):
    without(ORDER)
    with pytest.raises(UserError, match="tasks cannot be drawn by their shares"):
        run_job(
            compose_config(
                *NANO, "data=mix", "data.tasks=[synth_entailment,synth_similarity]", "data.mix.sampling=equal", *SMALL
            ),
            tmp_path,
        )


def test_without_the_switch_accumulated_gradients_are_refused(without, tmp_path):
    without(ACCUMULATION)
    with pytest.raises(UserError, match="gradient_accumulation_steps=2"):
        run_job(compose_config(*NANO, *SMALL, "training.gradient_accumulation_steps=2"), tmp_path)


def test_rows_evaluated_in_another_order_are_an_error(tmp_path, monkeypatch):
    def reversed_rows(self, dataset):
        return list(range(len(dataset)))[::-1]

    monkeypatch.setattr(VerdictTrainer, "_get_eval_sampler", reversed_rows)
    with pytest.raises(RuntimeError, match="were not evaluated in their order"):
        run_job(compose_config(*NANO, *SMALL), tmp_path)


def test_without_accelerates_common_state_no_jobs_are_packed(monkeypatch, caplog):
    assert shared_state() is GradientState._shared_state
    monkeypatch.delattr(GradientState, "_shared_state")
    assert shared_state() is None
    with caplog.at_level(logging.WARNING):
        outcome = run_pack([None, None], Limits())
    assert outcome.outcomes == (None, None)
    assert "no jobs are packed" in caplog.text
