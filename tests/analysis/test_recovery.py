"""Synthetic updates: each method recovers what is built like itself."""

import functools
import json
import sys

import pytest
import torch
from torch import nn

from src.__main__ import main
from src.analysis import recovery
from src.models.lora import LoRALinear


@pytest.fixture(scope="module")
def layer():
    """A layer and inputs whose directions differ in size by a factor of ten, as those of an encoder do."""
    torch.manual_seed(0)
    inputs = torch.randn(2048, 64) * torch.logspace(-0.5, 0.5, 64) @ nn.init.orthogonal_(torch.empty(64, 64))
    return nn.Linear(64, 64).requires_grad_(False), inputs


@functools.cache
def error(layer: tuple[nn.Linear, torch.Tensor], what: str, method: str) -> float:
    linear, inputs = layer
    budget = LoRALinear.expected_parameters(64, 64, r=3)
    teacher = recovery.synthetic_update(linear, inputs, what, budget, seed=0)
    found, size, _ = recovery.recover(linear, inputs, teacher, method, budget, steps=500, seed=1)
    assert size == budget == 384, "LSR of 3 terms 4 * (8 + 8 + 8 + 8), LoRA 3 * (64 + 64)"
    return found


def test_lsr_recovers_kronecker_sums_ten_times_better_than_lora(layer):
    assert 10 * error(layer, "kronecker", "lsr") <= error(layer, "kronecker", "lora")


def test_lora_recovers_low_rank_ten_times_better_than_lsr(layer):
    assert 10 * error(layer, "low_rank", "lora") <= error(layer, "low_rank", "lsr")


def test_no_lora_of_that_rank_could_do_better_than_the_best_one(layer):
    """The error that is reported is at least that of the best rank-3 approximation on these inputs (Eckart-Young)."""
    linear, inputs = layer
    teacher = recovery.synthetic_update(linear, inputs, "kronecker", 384, seed=0)
    held_out = teacher.delta(inputs[1536:])
    assert held_out.std().item() == pytest.approx(linear(inputs[1536:]).std().item(), rel=0.1)
    tail = torch.linalg.svdvals(held_out)[3:].norm() / held_out.norm()
    assert 0.999 * tail <= error(layer, "kronecker", "lora") < 1


@pytest.mark.parametrize("method", recovery.METHODS)
def test_the_budget_is_spent_and_not_exceeded(method):
    shape, linear = recovery.METHODS[method], nn.Linear(128, 128)
    sizes = shape.at_budget(linear, 768)
    used = shape.cls.expected_parameters(128, 128, **sizes)
    more = shape.cls.expected_parameters(128, 128, **(sizes | {shape.free: sizes[shape.free] + 1}))
    assert used <= 768 < more


def test_the_command_tells_every_pair_and_writes_it(tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / "recovered.json"
    monkeypatch.setattr(sys, "argv", ["src", "recover", "--steps", "2", "--out", str(out)])
    assert main() == 0
    rows = json.loads(out.read_text())
    pairs = {(row["planted"], row["method"]) for row in rows}
    assert pairs == {(what, method) for what in recovery.FORMS for method in recovery.METHODS}
    assert all(row["layer"] == "encoder.layer.3.attention.self.value" and row["parameters"] <= 768 for row in rows)
    printed = capsys.readouterr().out
    assert all(name in printed for name in [*recovery.FORMS, *recovery.METHODS])


def test_the_old_name_does_the_same_and_says_the_new_one(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["src", "planted", "--rank", "0"])
    assert main() == 2
    said = capsys.readouterr().err.splitlines()
    assert said == ["planted is called recover now", "error: --rank=0 breaks the rule: int >= 1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layers", "qurey"], "did you mean 'query'"),
        (["--rank", "0"], "int >= 1"),
        (["--rank", "1"], "has no size of at most 256 parameters"),
        (["--backbone", "./none"], "no such folder"),
    ],
)
def test_mistakes_are_told(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["src", "recover", *arguments])
    assert main() == 2 and message in capsys.readouterr().err
