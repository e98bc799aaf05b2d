"""A training that was cut short ends with the numbers of one that was not."""

import os
import signal

import pyarrow.parquet as pq
import pytest

from src.runs.record import CHECKPOINT
from src.training import interrupt
from src.training.checkpoint import rng_state, set_rng_state
from src.training.run import run_job
from src.training.trainer import ArenaTrainer
from tests.conftest import NANO, compose_config
from tests.training.test_runs import history, record

DROPOUT = ["model.lora.dropout=0.1", "data.max_train_samples=50", "data.max_eval_samples=16"]  # 3 steps an epoch
MIX = ["data=mix", "data.tasks=[synth_entailment,synth_similarity]", "data.max_train_samples=25"]  # as many


def same(one, other) -> None:
    """Scores, weights' fingerprints, every line of the history and every logit are equal."""
    a, b = record(one), record(other)
    for key in ("metrics", "epochs", "primary_metric", "batches_fingerprint", "adapter_bytes"):
        assert a[key] == b[key], key
    assert (one / "history.jsonl").read_text() == (other / "history.jsonl").read_text()
    assert pq.read_table(one / "predictions.parquet").equals(pq.read_table(other / "predictions.parquet"))


class KilledError(Exception):
    """Stands for the end of the process: nothing after it is written."""


@pytest.mark.parametrize(
    ("at", "options"),
    [
        (3, ["checkpoint.every=2"]),  # in the second epoch, from the middle of the first
        # From the end of an epoch, before its evaluation.
        pytest.param(3, ["checkpoint.every=3"], marks=pytest.mark.slow),
        (5, ["checkpoint.every=epoch"]),
        pytest.param(5, ["checkpoint.every=2", "training.train_sampling_strategy=random"], marks=pytest.mark.slow),
        (4, ["checkpoint.every=2", "training.gradient_accumulation_steps=2", "training.max_steps=5"]),
        (5, ["checkpoint.every=2", *MIX, "data.mix.sampling=equal"]),
    ],
)
def test_a_killed_training_goes_on_with_the_same_bits(at, options, train, tmp_path, monkeypatch):
    options = [*DROPOUT, *options]
    undisturbed = train(*options)
    assert not (undisturbed / CHECKPOINT).exists()
    step = ArenaTrainer.training_step

    def killed(self, *args, **kwargs):
        if self.state.global_step >= at:
            raise KilledError
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(ArenaTrainer, "training_step", killed)
        with pytest.raises(KilledError):
            run_job(compose_config(*NANO, *options), tmp_path)
    assert record(tmp_path)["status"] == "failed" and (tmp_path / CHECKPOINT).exists()
    run_job(compose_config(*NANO, *options), tmp_path)
    assert record(tmp_path)["continued_from_step"] > 0, "it did not start over"
    assert not (tmp_path / CHECKPOINT).exists()
    same(undisturbed, tmp_path)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("where", ["training_step", "prediction_step"])
def test_a_signal_saves_a_checkpoint_first(signum, where, train, tmp_path, monkeypatch):
    """In the middle of an epoch and in the middle of an evaluation, with checkpoint.every=never."""
    options = [*DROPOUT, "checkpoint.every=never"]
    method, calls = getattr(ArenaTrainer, where), []

    def signalled(self, *args, **kwargs):
        calls.append(self.state.global_step)
        if len(calls) == 3:
            os.kill(os.getpid(), signum)
        return method(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(ArenaTrainer, where, signalled)
        with pytest.raises(interrupt.Interrupted) as stop:
            run_job(compose_config(*NANO, *options), tmp_path)
    assert stop.value.signum == signum
    assert record(tmp_path)["status"] == "interrupted"
    run_job(compose_config(*NANO, *options), tmp_path)
    assert record(tmp_path)["continued_from_step"] == (3 if where == "training_step" else 6)
    same(train(*options), tmp_path)


def test_a_checkpoint_of_another_config_is_not_continued(tmp_path, monkeypatch):
    step = ArenaTrainer.training_step

    def killed(self, *args, **kwargs):
        if self.state.global_step >= 2:
            raise KilledError
        return step(self, *args, **kwargs)

    options = ["checkpoint.every=1", "training.max_steps=3"]
    with monkeypatch.context() as patch:
        patch.setattr(ArenaTrainer, "training_step", killed)
        with pytest.raises(KilledError):
            run_job(compose_config(*NANO, *options), tmp_path)
    run_job(compose_config(*NANO, *options, "seed=1"), tmp_path)
    assert record(tmp_path)["continued_from_step"] is None
    assert [line["step"] for line in history(tmp_path, "train")] == [2], "the first try's lines are gone"


def test_the_state_of_random_numbers_goes_to_and_fro():
    import random

    import numpy as np
    import torch

    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    state = rng_state()
    first, second = draw(), draw()
    set_rng_state(state)
    assert draw() == first != second
