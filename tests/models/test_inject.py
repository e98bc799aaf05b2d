"""Injection into any model: what is matched, frozen, counted, saved."""

from functools import partial

import pytest
import torch
from torch import nn

from src.models.hydralora import HydraLoRALinear
from src.models.inject import (
    adapter_state,
    adapters,
    count_parameters,
    disabled,
    inject,
    load_adapter_state,
    match_targets,
    merge_all,
    unmerge_all,
)
from src.models.lora import LoRALinear
from src.utils.errors import UserError
from tests.models.facts import perturb

make_lora = partial(LoRALinear, r=2, alpha=4)


def mlp(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 3)))


def test_a_model_without_transformers_takes_the_same_two_calls():
    model, x = mlp(), torch.randn(4, 6)
    before, weights = model(x), {n: p.clone() for n, p in model.named_parameters()}
    assert inject(model, make_lora, ["0", "2.1"]) == ["0", "2.1"]
    assert torch.equal(model(x), before)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
    assert not torch.allclose(model(x), before)
    for name, weight in weights.items():
        moved = name.replace("0.", "0.base.", 1) if name.startswith("0.") else name.replace("2.1.", "2.1.base.")
        assert torch.equal(model.get_parameter(moved), weight), "the original weights have not moved"
    other = mlp()
    inject(other, make_lora, ["0", "2.1"])
    load_adapter_state(other, adapter_state(model))
    assert torch.equal(other(x), model(x))
    with disabled(model):
        assert torch.equal(model(x), before)


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ("all-linear", ["0", "2.0", "2.1"]),
        ("0", ["0"]),  # a full name is that Linear alone
        ("2.0", ["2.0"]),
        ("1", ["2.1"]),  # else the end of a dotted name, from a dot on
        (["1", "2.0"], ["2.0", "2.1"]),
        ("2.*", ["2.0", "2.1"]),
    ],
)
def test_matching(targets, names):
    assert match_targets(mlp(), targets) == names


def test_a_name_matches_whole_parts_only():
    model = nn.ModuleDict({"query": nn.Linear(2, 2), "subquery": nn.Linear(2, 2)})
    assert match_targets(model, "query") == ["query"]


def test_a_target_without_match_lists_the_linears():
    model = nn.ModuleDict({"query": nn.Linear(2, 2), "value": nn.Linear(2, 2)})
    with pytest.raises(UserError, match=r"'qurey' matches no Linear \(did you mean 'query'\?\).* query, value"):
        inject(model, make_lora, ["query", "qurey"])
    assert not list(adapters(model)), "nothing is swapped when one target is wrong"
    with pytest.raises(UserError, match="target_modules is empty"):
        inject(model, make_lora, [])


def test_a_second_injection_is_an_error():
    model = mlp()
    inject(model, make_lora, "0")
    with pytest.raises(UserError, match="has adapters already"):
        inject(model, make_lora, "2.1")


class Tied(nn.Module):
    """Embeddings that are read out again, a Linear under two names, and a block under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(10, 6), nn.Linear(6, 10, bias=False)
        self.out.weight = self.embed.weight
        self.view = nn.Linear(6, 10, bias=False)
        self.view.weight = nn.Parameter(self.embed.weight.data)  # another parameter over the same memory
        self.once = self.twice = nn.Linear(6, 6)
        self.block = self.again = nn.Sequential(nn.Linear(6, 6))
        self.free = nn.Linear(6, 6)

    def forward(self, tokens):
        return self.out(self.free(self.again(self.block(self.twice(self.once(self.embed(tokens)))))))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("out", "target 'out' has its weight in common with 'embed'"),
        ("view", "target 'view' has its weight in common with 'embed'"),
        ("once", "target 'once' is the same module as 'twice'"),
        ("all-linear", "target 'out' has"),
    ],
)
def test_a_linear_that_is_anothers_too_is_no_target(target, message):
    model = Tied()
    with pytest.raises(UserError, match=message):
        inject(model, make_lora, target)
    assert not list(adapters(model))


def test_what_is_shared_elsewhere_and_shared_blocks_are_no_hindrance():
    model, tokens = Tied(), torch.arange(10)
    assert inject(model, make_lora, ["free", "block.0"]) == ["block.0", "free"]
    for _, adapter in adapters(model):
        perturb(adapter)
    before = model(tokens)
    merge_all(model)
    torch.testing.assert_close(model(tokens), before)


def test_weights_tied_after_injection_are_not_merged():
    model = mlp()
    inject(model, make_lora, ["0", "2.1"])
    model[2][0].weight = nn.Parameter(model[0].base.weight.data)
    with pytest.raises(UserError, match=r"target '0\.base' has its weight in common with '2\.0'"):
        merge_all(model)
    assert not model[0].merged


def test_matrices_that_are_no_linear_are_named():
    class Conv1D(nn.Module): ...

    model = nn.ModuleDict({f"h{i}": nn.ModuleDict({"c_attn": Conv1D(), "c_fc": Conv1D()}) for i in range(50)})
    with pytest.raises(UserError, match=r"matches no Linear: c_attn, c_fc are Conv1D here.*has no nn.Linear") as error:
        inject(model, make_lora, "all-linear")
    assert len(str(error.value)) < 400 and "peft_lora" in str(error.value)
    model["extra"], model["conv"] = nn.Linear(2, 2), nn.Conv1d(2, 2, 1)
    with pytest.raises(
        UserError, match=r"matches no Linear: conv are Conv1d here.*; Linears of this model end in: extra"
    ):
        inject(model, make_lora, "conv")


def test_a_linear_that_gives_more_than_a_product_is_none():
    class Router(nn.Linear):
        def forward(self, x):
            return super().forward(x).topk(1)

    model = nn.ModuleDict({"gate": Router(4, 4), "up": nn.Linear(4, 4)})
    assert match_targets(model, "all-linear") == ["up"]
    with pytest.raises(UserError, match=r"matches no Linear: gate are Router here, which is no nn.Linear"):
        match_targets(model, "gate")


def test_counts_by_role():
    model = mlp()
    inject(model, partial(HydraLoRALinear, r=2, alpha=4, num_experts=3), "2.0")
    model[0].requires_grad_(True)
    counts = count_parameters(model, frozenset({"0.weight", "0.bias"}))
    assert counts == {
        "adapter": 2 * 10 + 3 * 10 * 2,
        "router": 3 * 10,
        "head": 70,
        "trainable": 80 + 30 + 70,
        "total": 70 + 110 + 33 + 110,
    }


def test_merge_all_and_back():
    model, x = mlp(), torch.randn(4, 6)
    inject(model, make_lora, "all-linear")
    for _, adapter in adapters(model):
        perturb(adapter)
    before = model(x)
    merge_all(model)
    torch.testing.assert_close(model(x), before)
    unmerge_all(model)
    assert torch.equal(model(x), before)


def test_merge_all_refuses_before_it_changes_anything():
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    makers = iter([make_lora, partial(HydraLoRALinear, r=2, alpha=4, num_experts=2)])
    inject(model, lambda linear: next(makers)(linear), "all-linear")
    with pytest.raises(UserError, match="HydraLoRALinear cannot be merged: its update depends on the input"):
        merge_all(model)
    assert not model["a"].merged


def test_a_state_that_does_not_fit_changes_nothing():
    model, other = mlp(), mlp()
    inject(model, make_lora, "0")
    inject(other, partial(LoRALinear, r=3, alpha=4), "0")
    before = {n: t.clone() for n, t in adapter_state(model).items()}
    with pytest.raises(UserError, match=r"wrong shape .*\(3, 6\) for \(2, 6\)"):
        load_adapter_state(model, adapter_state(other))
    with pytest.raises(UserError, match="missing"):
        load_adapter_state(model, {})
    assert all(torch.equal(before[n], t) for n, t in adapter_state(model).items())


def test_adapters_inside_torchs_own_transformer_are_called_in_eval_mode():
    """Its fused inference kernel reads linear1.weight and would skip the adapter."""
    torch.manual_seed(0)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2).eval()
    x = torch.randn(2, 5, 16)
    before = model(x)
    inject(model, make_lora, ["linear1", "linear2"])
    torch.testing.assert_close(model(x), before)
    for _, adapter in adapters(model):
        perturb(adapter)
    with torch.no_grad():
        assert not torch.allclose(model(x), before)


def test_the_projection_of_multihead_attention_is_refused():
    """nn.MultiheadAttention reads out_proj.weight and never calls the module."""
    with pytest.raises(UserError, match="no effect"):
        inject(nn.MultiheadAttention(8, 2), make_lora, "out_proj")


def test_injection_keeps_the_mode():
    model = mlp().eval()
    inject(model, make_lora, "all-linear")
    assert not any(adapter.training for _, adapter in adapters(model))
