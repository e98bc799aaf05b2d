"""From conf/training to TrainingArguments."""

import json

import pytest
import torch

from src.training import arguments
from src.training.arguments import resolve_precision, training_arguments
from src.utils.errors import UserError
from tests.conftest import compose_config


def test_names_reach_the_trainer(tmp_path):
    cfg = compose_config("training.adam_beta2=0.9", "training.gradient_checkpointing=true", "seed=5").training
    args = training_arguments(dict(cfg) | {"learning_rate": 1e-3}, tmp_path, seed=5)
    assert (args.adam_beta2, args.num_train_epochs, args.learning_rate) == (0.9, 20, 1e-3)
    assert args.activation_checkpointing and args.activation_checkpointing_kwargs == {"use_reentrant": False}
    assert args.seed != args.data_seed, "dropout and batch order draw from streams of their own"


@pytest.mark.parametrize("cpu", [True, False])
def test_precision_without_a_gpu(cpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(arguments, "cpu_computes_bf16", lambda: cpu)
    assert resolve_precision("auto") == resolve_precision("fp32") == "fp32"
    if cpu:
        assert resolve_precision("bf16") == "bf16"
    else:
        with pytest.raises(UserError, match="bf16: this CPU does not compute in bfloat16"):
            resolve_precision("bf16")


@pytest.mark.parametrize(("supported", "auto"), [(True, "bf16"), (False, "fp32")])
def test_precision_with_a_gpu(supported, auto, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: supported)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "an old card")
    assert resolve_precision("auto") == auto and resolve_precision("fp16") == "fp16"
    if not supported:
        with pytest.raises(UserError, match="an old card"):
            resolve_precision("bf16")


@pytest.mark.parametrize(
    "model",
    [
        "roberta_lora",
        *(pytest.param(f"roberta_{name}", marks=pytest.mark.slow) for name in ("lsr", "svd_lorafa", "hydralora")),
    ],
)
def test_bf16_trains(model, train, monkeypatch):
    """Emulated where the processor has no such instructions: slow, and the same arithmetic."""
    monkeypatch.setattr(arguments, "cpu_computes_bf16", lambda: True)
    few = (f"model={model}", "training.max_steps=2", "data.max_eval_samples=8")
    folder = train(*few, "training.precision=bf16")
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "ok" and result["training"]["precision"] == "bf16"
    full = json.loads((train(*few) / "result.json").read_text())
    difference = abs(result["metrics"]["last"]["loss"] - full["metrics"]["last"]["loss"])
    assert 0 < difference < 0.02
