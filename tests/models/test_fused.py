"""The fused forward and backward against plain operations and finite differences."""

import pytest
import torch
from torch import nn
from torch.autograd.function import BackwardCFunction

from src.models.adapter import AdapterLinear, LowRankAdapter
from src.models.kernels import low_rank as fused
from tests.models.facts import FACTS, make, perturb

each_method = pytest.mark.parametrize("name", FACTS)


def plain(layer: LowRankAdapter, x: torch.Tensor) -> torch.Tensor:
    return AdapterLinear.adapted(layer, x)


def fused_steps(y: torch.Tensor) -> int:
    """How many steps of the graph behind y have a backward of this project's own."""
    found, left = set(), [y.grad_fn]
    while left:
        if (node := left.pop()) is not None and node not in found:
            found.add(node)
            left += [before for before, _ in node.next_functions]
    return sum(isinstance(node, BackwardCFunction) for node in found)


@pytest.fixture(params=["summed", "apart"])
def way(request, monkeypatch) -> str:
    """Both ways to the product, whatever the sizes would choose."""
    monkeypatch.setattr(fused, "worth_summing", lambda x, weight: request.param == "summed")
    return request.param


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if not fact.constants])
def test_gradients_by_finite_differences(name, way):
    layer = perturb(make(name, 12, 6, dtype=torch.float64))
    x = torch.randn(2, 3, layer.in_features, dtype=torch.float64, requires_grad=True)
    trained = list(layer.trained_parameters().values())
    assert torch.autograd.gradcheck(lambda *_: layer(x), (x, *trained))


@each_method
def test_output_and_gradients_are_those_of_plain_operations(name, way):
    layer = perturb(make(name, dtype=torch.float64))
    x = torch.randn(4, 5, 48, dtype=torch.float64, requires_grad=True)
    tensors = [x, *layer.trained_parameters().values()]
    results, steps = [], []
    for forward in (layer, lambda x: plain(layer, x)):
        y = forward(x)
        steps.append(fused_steps(y))
        results.append([y, *torch.autograd.grad(y.sin().sum(), tensors)])
    for found, expected in zip(*results, strict=True):
        assert (found - expected).abs().max() <= 1e-12 * expected.abs().max()
    assert steps == [1, 0]


@each_method
def test_autocast_gives_gradients_in_the_parameters_dtype(name):
    layer, x = perturb(make(name), std=0.1), torch.randn(6, 48, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    tensors = [x, *layer.trained_parameters().values()]
    exact = torch.autograd.grad(plain(layer, x).sum(), tensors)
    for half, full in zip(torch.autograd.grad(y.float().sum(), tensors), exact, strict=True):
        assert half.dtype == torch.float32
        assert (half - full).norm() < 0.05 * full.norm()


def saved_sizes(layer: nn.Module, x: torch.Tensor) -> list[int]:
    """Values saved for backward, parameters left out."""
    known = {parameter.data_ptr() for parameter in layer.parameters()}
    sizes: dict[int, int] = {}

    def keep(tensor):
        if tensor.data_ptr() not in known:
            sizes[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        layer(x)
    return sorted(sizes.values())


@pytest.mark.parametrize(
    ("name", "tokens", "expected"),
    [
        ("lora", 64, [64 * 48]),
        ("lora", 20, [20 * 4, 20 * 48]),
        ("lorafa_kaiming", 64, [64 * 4]),
        ("c3a", 64, [64 * 48]),
        ("dora", 64, [20, 20, 64 * 20, 64 * 48]),  # gains, norms, the output
        ("lsr_sum", 64, [3 * 2 * 4, 3 * 2 * 5, 64 * 48]),  # B1 and B2 turned, of 20 = 4 x 5
    ],
    ids=["summed", "not summed", "A is not trained", "no spectrum", "lengths", "no dense Kronecker product"],
)
def test_what_is_kept_for_backward(name, tokens, expected):
    """x where A is trained, and the r-wide product where it is at hand or x is not kept."""
    assert saved_sizes(perturb(make(name, 48, 20)), torch.randn(tokens, 48)) == expected


@pytest.mark.parametrize(("tokens", "dtype", "expected"), [
    (64, torch.float32, True), (64, torch.float64, True), (20, torch.float32, False), (64, torch.bfloat16, False),
])  # fmt: skip
def test_when_weight_and_update_are_summed(tokens, dtype, expected):
    """With many tokens, and never where the weight's rounding would lose a small update."""
    assert fused.worth_summing(torch.empty(tokens, 48, dtype=dtype), torch.empty(24, 48)) is expected


def test_a_small_update_is_not_lost_in_bfloat16():
    """An update of a thousandth of the weight moves the output under autocast, too."""
    layer = perturb(make("lora", 48, 48), std=1e-3)
    x = torch.randn(500, 48)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        moved = (layer(x) - layer.base(x)).float()
    expected = layer.delta(x)
    assert (moved - expected).norm() < 1.5 * layer.base(x).norm() * 2**-8  # the output's own rounding
    assert torch.nn.functional.cosine_similarity(moved.mean(0), expected.mean(0), dim=0) > 0.5


@each_method
def test_a_hook_on_the_base_is_still_called(name):
    layer, x = perturb(make(name)), torch.randn(3, 48)
    before = layer(x)
    layer.base.register_forward_hook(lambda module, inputs, output: 2 * output)
    torch.testing.assert_close(layer(x), layer.base(x) + layer.delta(x))
    assert not torch.allclose(layer(x), before)
    assert fused_steps(before) == 1 and not fused_steps(layer(x))


@each_method
def test_a_subclass_of_linear_keeps_its_own_forward(name):
    class Doubling(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    layer = perturb(FACTS[name].cls(Doubling(8, 8), **FACTS[name].hp))
    x = torch.randn(3, 8)
    torch.testing.assert_close(layer(x), 2 * nn.functional.linear(x, layer.weight, layer.bias) + layer.delta(x))
    assert not fused_steps(layer(x))


def test_an_input_without_gradient_gets_none():
    layer, x = perturb(make("lora")), torch.randn(3, 48)
    layer(x).sum().backward()
    assert x.grad is None and layer.A.grad.abs().sum() > 0


@each_method
def test_one_token_without_a_batch(name):
    """As ``nn.Linear`` takes it, through both ways."""
    layer, x = perturb(make(name, dtype=torch.float64)), torch.randn(48, dtype=torch.float64)
    expected = layer(x.expand(3, -1))[1]
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(plain(layer, x), expected)


@pytest.mark.parametrize("autocast", [False, True])
def test_made_again_for_backward_to_the_bit(autocast, monkeypatch):
    """What a recomputation makes twice equals what would have been kept, under autocast's roundings too."""
    layer, x = perturb(make("lsr_sum"), std=0.1), torch.randn(64, 48)
    grads = []
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            y = layer(x)
        grads.append(torch.autograd.grad(y.float().sin().sum(), list(layer.trained_parameters().values())))
        monkeypatch.setattr(layer, "recomputation", lambda: None)
    for again, kept in zip(*grads, strict=True):
        assert torch.equal(again, kept) and kept.any()


def test_backward_sees_the_tensors_of_the_forward():
    """Parameters that a functional call put in, and took out before backward."""
    layer, x = perturb(make("lsr_sum", dtype=torch.float64)), torch.randn(64, 48, dtype=torch.float64)
    other = perturb(make("lsr_sum", dtype=torch.float64), std=2.0)
    theirs = other.trained_parameters()
    found = torch.autograd.grad(torch.func.functional_call(layer, theirs, (x,)).sin().sum(), list(theirs.values()))
    expected = torch.autograd.grad(plain(other, x).sin().sum(), list(theirs.values()))
    own = torch.autograd.grad(plain(layer, x).sin().sum(), list(layer.trained_parameters().values()))
    for ours, reference, not_this in zip(found, expected, own, strict=True):
        torch.testing.assert_close(ours, reference)
        assert not torch.allclose(ours, not_this)
