"""Jobs in a pack end with what they end with alone: every step, the record, failures, interruptions."""

import json
import re
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from src.packed.limits import Limits
from src.packed.pack import Pack
from src.runs.identity import identity  # noqa: F401  imported before packs, so that imports cost no job's time
from src.training import interrupt, prepared_job
from src.training.run import run_job
from tests.conftest import NANO, compose_config

# 50 optimizer steps, each logged; every job its own order of the batches.
STEPS = ["data.max_train_samples=111", "training.per_device_train_batch_size=4", "training.num_train_epochs=2",
         "training.logging_steps=1", "data.max_eval_samples=32"]  # fmt: skip
TINY = ["data.max_train_samples=32", "data.max_eval_samples=8", "training.num_train_epochs=1"]
JOBS = {
    "lora": ["model=roberta_lora", "seed=1"],
    "lora, other seed": ["model=roberta_lora", "seed=2"],
    "lora, rank": ["model=roberta_lora", "model.lora.r=2", "training.max_grad_norm=0.1"],
    "lora, rate": ["model=roberta_lora", "training.learning_rate=1e-4", "model.head.learning_rate=1e-2"],
    "lsr": ["model=roberta_lsr", "training.lr_scheduler_type=cosine", "training.weight_decay=0.2"],
    "svd_lorafa": ["model=roberta_svd_lorafa", "model.lorafa.penalty=0.1"],
    "hydralora": ["model=roberta_hydralora", "model.hydralora.num_experts=3"],
    "head": ["model=roberta_head"],
}


PACKED = Limits(measure=False)


def start(folder: Path, jobs: dict[str, list[str]], *options: str, limits: Limits = PACKED) -> Pack:
    """A pack whose jobs leave their runs below the folder."""
    pack = Pack({name: partial(_work, folder / name, [*options, *own]) for name, own in jobs.items()}, limits)
    pack.run()
    return pack


def _work(folder: Path, options: list[str], member: Any) -> float:
    return run_job(compose_config(*NANO, *options), folder, member)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def assert_same(one: Path, other: Path, tolerance: float) -> None:
    """Losses and gradient norms of every step, evaluations, selection, predictions and trained tensors."""
    ours, theirs = history(one), history(other)
    assert [line["event"] for line in ours] == [line["event"] for line in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        for key in a.keys() - {"train_runtime", "train_samples_per_second", "train_steps_per_second"}:
            same = (
                a[key] == b[key] if isinstance(a[key], str) else abs(a[key] - b[key]) <= tolerance * max(1, abs(b[key]))
            )
            assert same, (key, a, b)
    for key in ("epochs", "batches_fingerprint", "config_hash", "params", "flags"):
        assert record(one)[key] == record(other)[key], key
    tensors, expected = (load_file(folder / "adapter" / "adapter.safetensors") for folder in (one, other))
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}")
    found, wanted = (pq.read_table(folder / "predictions.parquet") for folder in (one, other))
    assert found.drop(["logits", "prediction"]).equals(wanted.drop(["logits", "prediction"]))


@pytest.fixture(scope="module")
def double():
    """Every classifier in float64."""
    build = prepared_job.build_classifier

    def doubled(*args, **kwargs):
        classifier = build(*args, **kwargs)
        classifier.model.double()
        return classifier

    prepared_job.build_classifier = doubled
    yield
    prepared_job.build_classifier = build


@pytest.mark.parametrize("names", [["lora, rank", "hydralora"], pytest.param([*JOBS], marks=pytest.mark.slow)])
def test_the_trajectory_in_float64(names, tmp_path, double):
    """Methods, ranks, rates, schedules and seeds at once: more than 50 steps equal to 1e-9 with those of each alone."""
    jobs = {name: JOBS[name] for name in names}
    pack = start(tmp_path / "pack", jobs, *STEPS)
    assert [member.error for member in pack.members] == [None] * len(jobs)
    for name, own in jobs.items():
        value = run_job(compose_config(*NANO, *STEPS, *own), tmp_path / "alone" / name)
        steps = sum(line["event"] == "train" and "loss" in line for line in history(tmp_path / "pack" / name))
        assert steps >= 50
        assert_same(tmp_path / "pack" / name, tmp_path / "alone" / name, 1e-9)
        own_record = record(tmp_path / "pack" / name)
        assert own_record["status"] == "ok"
        assert own_record["packed"]["jobs"] == len(jobs)
        assert own_record["packed"]["mode"] == "packed"
        assert 0 < own_record["packed"]["padding"] < 0.5
        assert own_record["primary_metric"]["value"] == pytest.approx(value, abs=1e-9)
        assert record(tmp_path / "alone" / name)["packed"] is None
    losses = {name: history(tmp_path / "pack" / name)[3]["loss"] for name in jobs}
    assert len(set(losses.values())) == len(jobs)  # they are different trainings


@pytest.mark.slow
def test_the_trajectory_in_float32(tmp_path):
    """Twenty steps agree to 1e-4; another order of summation is all that differs."""
    options = [*STEPS, "data.max_train_samples=44", "training.gradient_accumulation_steps=2"]
    jobs = {name: JOBS[name] for name in ("lora", "hydralora")}
    start(tmp_path / "pack", jobs, *options)
    for name, own in jobs.items():
        run_job(compose_config(*NANO, *options, *own), tmp_path / "alone" / name)
        assert_same(tmp_path / "pack" / name, tmp_path / "alone" / name, 1e-4)


@pytest.mark.slow
def test_one_jobs_nan_harms_no_other(tmp_path, double):
    """A learning rate far too high ends its own job, which says so; the others do not notice."""
    jobs = {"lora": JOBS["lora"], "wild": ["model=roberta_lora", "training.learning_rate=1e30",
            "training.max_grad_norm=0"], "lsr": JOBS["lsr"]}  # fmt: skip
    options = [*STEPS, "data.max_train_samples=32"]
    start(tmp_path / "pack", jobs, *options)
    assert record(tmp_path / "pack" / "wild")["status"] == "failed"
    assert re.search("loss is (nan|inf)", record(tmp_path / "pack" / "wild")["error"]["message"])
    for name in ("lora", "lsr"):
        run_job(compose_config(*NANO, *options, *jobs[name]), tmp_path / "alone" / name)
        assert_same(tmp_path / "pack" / name, tmp_path / "alone" / name, 1e-9)


def test_interrupted_and_started_again(tmp_path, double, monkeypatch):
    """A signal ends all jobs with a checkpoint; in a new pack they go on from it and end as if undisturbed."""
    jobs = {name: JOBS[name] for name in ("lora", "hydralora")}
    options = [*STEPS, "data.max_train_samples=32"]
    steps, forward = [], Pack._forward

    def counted(self, members, training):
        steps.append(training)
        if len(steps) == 5:
            monkeypatch.setattr(interrupt._Request, "signum", signal.SIGTERM)
        forward(self, members, training)

    monkeypatch.setattr(Pack, "_forward", counted)
    pack = start(tmp_path / "pack", jobs, *options)
    assert all(isinstance(member.error, interrupt.Interrupted) for member in pack.members)
    assert [record(tmp_path / "pack" / name)["status"] for name in jobs] == ["interrupted"] * 2
    assert all((tmp_path / "pack" / name / "checkpoint.pt").exists() for name in jobs)
    monkeypatch.setattr(interrupt._Request, "signum", None)
    start(tmp_path / "pack", jobs, *options)
    for name, own in jobs.items():
        assert record(tmp_path / "pack" / name)["continued_from_step"] == 5
        run_job(compose_config(*NANO, *options, *own), tmp_path / "alone" / name)
        assert_same(tmp_path / "pack" / name, tmp_path / "alone" / name, 1e-9)


@pytest.mark.slow
def test_waves_and_the_faster_way(tmp_path, monkeypatch):
    """max_jobs splits the pack; where packing is slower, jobs go on one by one with the same numbers."""
    jobs = {str(seed): ["model=roberta_lora", f"seed={seed}"] for seed in range(3)}
    slow = Pack._forward

    def slower(self, members, training):
        import time

        time.sleep(0.3)
        slow(self, members, training)

    monkeypatch.setattr(Pack, "_forward", slower)
    options = [*STEPS, "data.max_train_samples=56"]
    pack = start(tmp_path / "pack", jobs, *options, limits=Limits(max_jobs=2))
    assert pack.packed is False
    assert pack.tally.speedup < 1
    reports = [record(tmp_path / "pack" / name)["packed"] for name in jobs]
    assert [report["jobs"] for report in reports] == [2, 2, 1]
    assert {report["mode"] for report in reports} == {"one by one"}
    run_job(compose_config(*NANO, *options, *jobs["0"]), tmp_path / "alone")
    assert_same(tmp_path / "pack" / "0", tmp_path / "alone", 1e-4)


@pytest.mark.slow
def test_no_more_jobs_than_fit(tmp_path, monkeypatch):
    """With memory for two and a half jobs, five are trained two, two and one at a time."""
    from src.packed import capacity as memory

    jobs = {str(seed): ["model=roberta_lora", f"seed={seed}"] for seed in range(5)}
    needed = memory.saved_for_backward
    seen: list[float] = []

    def spied(model, forward):
        seen.append(needed(model, forward))
        state = 3 * sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
        monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: type("Free", (), {
            "available": 2.5 * (memory._SLACK * seen[0] + state) / 0.5}))  # fmt: skip
        return seen[-1]

    monkeypatch.setattr(memory, "saved_for_backward", spied)
    start(tmp_path, jobs, *TINY, limits=Limits(memory_share=0.5, measure=False))
    assert [record(tmp_path / name)["packed"]["jobs"] for name in jobs] == [2, 2, 2, 2, 1]
    tokens = 16 * 40  # a batch of the largest size keeps at least its embeddings and a few layers' activations
    assert seen[0] > tokens * 128 * 4


def test_jobs_that_turn_out_to_have_another_backbone(tmp_path, monkeypatch):
    """They are trained for themselves."""
    from src.packed import pack as module

    monkeypatch.setattr(module, "share_frozen", lambda *args: False)
    jobs = {str(seed): ["model=roberta_lora", f"seed={seed}"] for seed in range(2)}
    start(tmp_path, jobs, *TINY)
    assert [record(tmp_path / name)["status"] for name in jobs] == ["ok", "ok"]
    assert record(tmp_path / "1")["packed"] is None


def test_a_mistake_in_one_job(tmp_path):
    """It fails before training with its message; the others are trained."""
    jobs = {"bad": ["model=roberta_lora", "model.lora.target_modules=nowhere"], "good": JOBS["lora"]}
    pack = start(tmp_path, jobs, *TINY)
    assert "matches no Linear" in str(pack.members[0].error)
    assert record(tmp_path / "bad")["status"] == "failed"
    assert record(tmp_path / "good")["status"] == "ok"
