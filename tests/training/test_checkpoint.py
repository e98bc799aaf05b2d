"""A training that was cut short ends with the numbers of one that was not."""

import hashlib
import io
import os
import random

import pyarrow.parquet as pq
import pytest
import torch

from src.runs.layout import CHECKPOINT
from src.training import checkpoint, interrupt
from src.training.checkpoint import Checkpoints, rng_state, set_rng_state
from src.training.run import run_job
from src.training.trainer import VerdictTrainer
from src.utils.sealed import HEADER, MARK, read_sealed
from tests.conftest import NANO, Stateless, compose_config
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
        pytest.param(5, ["checkpoint.every=2", *MIX, "data.mix.sampling=equal"], marks=pytest.mark.slow),
    ],
)
def test_a_killed_training_goes_on_with_the_same_bits(at, options, train, tmp_path, monkeypatch):
    options = [*DROPOUT, *options]
    undisturbed = train(*options)
    assert not (undisturbed / CHECKPOINT).exists()
    step = VerdictTrainer.training_step

    def killed(self, *args, **kwargs):
        if self.state.global_step >= at:
            raise KilledError
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(VerdictTrainer, "training_step", killed)
        with pytest.raises(KilledError):
            run_job(compose_config(*NANO, *options), tmp_path)
    assert record(tmp_path)["status"] == "failed" and (tmp_path / CHECKPOINT).exists()
    run_job(compose_config(*NANO, *options), tmp_path)
    assert record(tmp_path)["continued_from_step"] > 0, "it did not start over"
    assert not (tmp_path / CHECKPOINT).exists()
    same(undisturbed, tmp_path)


@pytest.mark.parametrize("signum", interrupt.SIGNALS)
@pytest.mark.parametrize("where", ["training_step", "prediction_step"])
def test_a_signal_saves_a_checkpoint_first(signum, where, train, tmp_path, monkeypatch):
    """In the middle of an epoch and in the middle of an evaluation, with checkpoint.every=never."""
    options = [*DROPOUT, "checkpoint.every=never"]
    method, calls = getattr(VerdictTrainer, where), []

    def signalled(self, *args, **kwargs):
        calls.append(self.state.global_step)
        if len(calls) == 3:
            os.kill(os.getpid(), signum)
        return method(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(VerdictTrainer, where, signalled)
        with pytest.raises(interrupt.Interrupted) as stop:
            run_job(compose_config(*NANO, *options), tmp_path)
    assert stop.value.signum == signum
    assert record(tmp_path)["status"] == "interrupted"
    run_job(compose_config(*NANO, *options), tmp_path)
    assert record(tmp_path)["continued_from_step"] == (3 if where == "training_step" else 6)
    same(train(*options), tmp_path)


SHORT = ["checkpoint.every=1", "training.max_steps=3"]


def kill_after_two_steps(folder, monkeypatch) -> None:
    step = VerdictTrainer.training_step

    def killed(self, *args, **kwargs):
        if self.state.global_step >= 2:
            raise KilledError
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(VerdictTrainer, "training_step", killed)
        with pytest.raises(KilledError):
            run_job(compose_config(*NANO, *SHORT), folder)


def save(state) -> bytes:
    """What a checkpoint file with this content is."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return MARK + hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue()


def test_a_checkpoint_of_another_config_is_not_continued(tmp_path, monkeypatch):
    options = SHORT
    kill_after_two_steps(tmp_path, monkeypatch)
    run_job(compose_config(*NANO, *options, "seed=1"), tmp_path)
    assert record(tmp_path)["continued_from_step"] is None
    assert [line["step"] for line in history(tmp_path, "train")] == [2], "the first try's lines are gone"


def test_a_damaged_or_foreign_checkpoint_counts_as_none(tmp_path, monkeypatch, caplog):
    """Of a real one: flipped bits, truncations, contents of every other shape. Each is one line, and none raises."""
    kill_after_two_steps(tmp_path, monkeypatch)
    path, identity = tmp_path / CHECKPOINT, record(tmp_path)["identity"]
    good = path.read_bytes()
    state = torch.load(read_sealed(path), weights_only=True)
    assert state.keys() == checkpoint.STATE
    model = {"model": {name: torch.empty_like(tensor) for name, tensor in state["run"]["model"].items()}}
    checkpoints = Checkpoints(tmp_path, 1, identity, Stateless(model))
    caplog.clear()
    assert checkpoints._read()["identity"] == identity and not caplog.messages
    dice = random.Random(0)
    tried = [good[:size] for size in (0, 1, HEADER - 1, HEADER, HEADER + 1, len(good) // 2, len(good) - 1)]
    for _ in range(int(100 * float(os.environ.get("PEFT_VERDICT_FUZZ", "1")))):
        position = dice.randrange(len(good))
        tried.append(good[:position] + bytes([good[position] ^ 1 << dice.randrange(8)]) + good[position + 1 :])
    tried += [good[HEADER:], b"\x00" * 100, save([1, 2]), save({}), save(None), save(7), MARK + good[len(MARK) :][::-1]]
    tried += [save({key: value for key, value in state.items() if key != gone}) for gone in state]
    tried += [save(state | {"identity": other}) for other in (None, {}, identity | {"code": "other"}, 3)]
    tensors = state["run"]["model"]
    name = next(iter(tensors))
    changed = [None, {}, tensors | {"more": torch.zeros(1)}, tensors | {name: torch.zeros(1)}, tensors | {name: "x"}]
    tried += [save(state | {"run": other}) for other in (None, {}, *({"model": model} for model in changed))]
    for content in tried:
        path.write_bytes(content)
        caplog.clear()
        assert checkpoints._read() is None
        assert len(caplog.messages) == 1 and "training starts over" in caplog.messages[0]


@pytest.mark.parametrize("damage", ["flipped", "foreign"])
def test_after_a_damaged_checkpoint_the_run_starts_over(damage, tmp_path, monkeypatch, caplog):
    kill_after_two_steps(tmp_path / "damaged", monkeypatch)
    path = tmp_path / "damaged" / CHECKPOINT
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 16
    path.write_bytes(content if damage == "flipped" else save({"epoch": 3}))
    run_job(compose_config(*NANO, *SHORT), tmp_path / "damaged")
    assert "training starts over" in caplog.text and record(tmp_path / "damaged")["continued_from_step"] is None
    run_job(compose_config(*NANO, *SHORT), tmp_path / "undisturbed")
    same(tmp_path / "undisturbed", tmp_path / "damaged")


def test_the_state_of_random_numbers_goes_to_and_fro():
    import numpy as np

    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    state = rng_state()
    first, second = draw(), draw()
    set_rng_state(state)
    assert draw() == first != second
