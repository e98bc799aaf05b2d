"""The contract of an adapter, over every method of the fact table."""

import copy
import importlib
import inspect
import pkgutil

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state
from torch.utils.checkpoint import checkpoint

import src.models
from src.models.adapter import AdapterLinear, LowRankAdapter
from src.models.inject import adapter_state, load_adapter_state
from tests.models.facts import FACTS, make, perturb

SHAPES = [(48,), (5, 48), (2, 5, 48)]
each_method = pytest.mark.parametrize("name", FACTS)
each_identity = pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if fact.identity])
each_mergeable = pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if fact.cls.mergeable])


def test_every_adapter_class_of_the_tree_has_a_row():
    classes = {
        cls
        for module in pkgutil.iter_modules(src.models.__path__)
        for _, cls in inspect.getmembers(importlib.import_module(f"src.models.{module.name}"), inspect.isclass)
        if issubclass(cls, AdapterLinear) and cls not in (AdapterLinear, LowRankAdapter)
    }
    assert classes == {fact.cls for fact in FACTS.values()}


@each_identity
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES, ids=["1d", "2d", "3d"])
def test_starts_at_the_base_output_to_the_bit(name, dtype, shape):
    layer = make(name, dtype=dtype)
    x = torch.randn(shape, dtype=dtype)
    assert layer.identity_at_start
    assert torch.equal(layer(x), layer.base(x))
    assert not torch.equal(perturb(layer)(x), layer.base(x))


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if not fact.identity])
def test_published_non_identity_starts_are_declared(name):
    layer = make(name)
    assert not layer.identity_at_start
    assert not torch.equal(layer(x := torch.randn(3, 48)), layer.base(x))


@each_method
@pytest.mark.parametrize("shape", SHAPES, ids=["1d", "2d", "3d"])
def test_equals_the_definition_in_float64(name, shape):
    layer = perturb(make(name, dtype=torch.float64))
    x = torch.randn(shape, dtype=torch.float64)
    expected = layer.base(x) + FACTS[name].naive(layer, x)
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)
    assert layer(x).shape == (*shape[:-1], layer.out_features)


@each_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_computes_in_the_base_dtype(name, dtype):
    layer = perturb(make(name, dtype=dtype), std=0.1)
    exact = copy.deepcopy(layer).double()
    x = torch.randn(6, 48, dtype=dtype)
    assert layer(x).dtype == dtype
    scale = exact(x.double()).abs().max()
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 3e-2}[dtype]
    assert (layer(x).double() - exact(x.double())).abs().max() < tolerance * scale


@each_mergeable
def test_merging_keeps_the_output_and_unmerging_is_exact(name):
    layer = perturb(make(name, dtype=torch.float64)).eval()
    x, weight = torch.randn(4, 48, dtype=torch.float64), layer.weight.clone()
    before = layer(x)
    layer.merge()
    assert layer.merged and not torch.equal(layer.weight, weight)
    torch.testing.assert_close(layer(x), before, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.base(x), before, rtol=1e-12, atol=1e-12)
    with pytest.raises(RuntimeError, match="merged already"):
        layer.merge()
    with pytest.raises(RuntimeError, match="unmerge it first"), layer.disabled():
        pass
    layer.train().eval()
    assert layer.merged, "train() and eval() neither merge nor unmerge"
    layer.unmerge()
    assert torch.equal(layer.weight, weight) and torch.equal(layer(x), before)
    with pytest.raises(RuntimeError, match="not merged"):
        layer.unmerge()


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if not fact.cls.mergeable])
def test_what_cannot_be_merged_says_why(name):
    with pytest.raises(TypeError, match="depends on the input"):
        make(name).merge()


@each_method
def test_gradients_reach_every_trained_tensor_and_nothing_else(name):
    fact, layer = FACTS[name], perturb(make(name))
    layer(torch.randn(8, 48)).square().sum().backward()
    with_gradient = {n for n, p in layer.named_parameters() if p.grad is not None and p.grad.any()}
    assert with_gradient == set(fact.trained) == set(layer.trained_parameters())
    assert all(p.grad is None for p in layer.base.parameters())


@each_method
def test_training_can_leave_the_start(name):
    """At step 0 some tensors have no gradient (LoRA's A, under B = 0), but never all of them."""
    layer = make(name)
    layer(torch.randn(8, 48)).square().sum().backward()
    assert {n for n, p in layer.trained_parameters().items() if p.grad.any()} == set(FACTS[name].moving)


@each_method
@pytest.mark.parametrize(("in_features", "out_features"), [(48, 20), (20, 48), (7, 13), (64, 64)])
def test_declared_count_is_the_real_one(name, in_features, out_features):
    fact = FACTS[name]
    hp = fact.hp | fact.anywhere
    layer = make(name, in_features, out_features, **fact.anywhere)
    trained = sum(p.numel() for p in layer.trained_parameters().values())
    assert fact.cls.expected_parameters(layer.in_features, layer.out_features, **hp) == trained
    assert trained == sum(p.numel() for p in layer.parameters() if p.requires_grad)


@each_method
def test_state_round_trip(name):
    model, other = nn.Sequential(perturb(make(name))), nn.Sequential(make(name, seed=1))
    other[0].base.load_state_dict(model[0].base.state_dict())
    x = torch.randn(3, 48)
    assert not torch.equal(model(x), other(x))
    state = adapter_state(model)
    assert set(state) == {f"0.{n}" for n in (*FACTS[name].trained, *FACTS[name].cls.frozen)}
    load_adapter_state(other, state)
    assert torch.equal(model(x), other(x))


@each_method
def test_deepcopy_shares_nothing(name):
    layer = perturb(make(name))
    twin, x = copy.deepcopy(layer), torch.randn(3, 48)
    assert torch.equal(layer(x), twin(x))
    perturb(twin)
    assert not torch.equal(layer(x), twin(x))


@each_method
def test_disabled_is_the_base(name):
    layer, x = perturb(make(name)), torch.randn(3, 48)
    with layer.disabled():
        assert torch.equal(layer(x), layer.base(x))
    assert not torch.equal(layer(x), layer.base(x))


@each_method
def test_vmap_over_stacked_adapters_equals_a_loop(name):
    layers = [perturb(make(name, seed=seed)) for seed in range(3)]
    for layer in layers:
        layer.base = layers[0].base
    parameters, buffers = stack_module_state(layers)
    x = torch.randn(3, 5, 48)
    own = {n: p for n, p in parameters.items() if not n.startswith("base.")}
    base = {f"base.{n}": p for n, p in layers[0].base.named_parameters()}

    def one(own, x):
        return functional_call(layers[0], {**own, **base, **buffers}, (x,))

    stacked = torch.vmap(one)(own, x)
    loop = torch.stack([layer(row) for layer, row in zip(layers, x, strict=True)])
    torch.testing.assert_close(stacked, loop)
    assert not torch.allclose(stacked[0], stacked[1])


@each_method
def test_gradient_checkpointing_gives_the_same_gradients(name):
    layer, x = perturb(make(name)), torch.randn(4, 48)
    plain = torch.autograd.grad(layer(x).square().sum(), list(layer.trained_parameters().values()))
    again = checkpoint(layer, x, use_reentrant=False).square().sum()
    for expected, got in zip(plain, torch.autograd.grad(again, list(layer.trained_parameters().values())), strict=True):
        assert torch.equal(expected, got)


@each_method
def test_autocast_computes_in_bfloat16(name):
    layer, x = perturb(make(name), std=0.1), torch.randn(4, 48)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    exact = layer(x)
    assert (y.float() - exact).abs().max() < 0.03 * exact.abs().max()


@each_method
def test_dropout_acts_in_training_only(name):
    layer, x = perturb(make(name, dropout=0.5)), torch.randn(6, 48)
    assert torch.equal(layer.eval()(x), layer(x))
    torch.manual_seed(0)
    assert not torch.equal(layer.train()(x), layer(x))


@each_method
def test_a_layer_without_bias_works(name):
    layer, x = perturb(make(name, bias=False, dtype=torch.float64)), torch.randn(3, 48, dtype=torch.float64)
    assert layer.bias is None
    torch.testing.assert_close(layer(x), x @ layer.weight.T + FACTS[name].naive(layer, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [(n, k, v) for n, fact in FACTS.items() for k, values in fact.wrong.items() for v in values],
)
def test_wrong_values_are_refused_with_value_and_rule(name, key, value):
    with pytest.raises(ValueError, match=key) as error:
        make(name, **{key: value})
    assert str(value) in str(error.value)


@each_method
def test_only_a_linear_can_be_wrapped(name):
    with pytest.raises(TypeError, match="Conv1d"):
        FACTS[name].cls(nn.Conv1d(3, 3, 1), **FACTS[name].hp)


@each_method
def test_repr_shows_the_tensors(name):
    assert all(f"{n}=(" in repr(make(name)) for n in FACTS[name].trained)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lora", "lsr_product", "lsr_sum", "lorafa_svd", "hydralora"])  # every forward
def test_torch_compile_gives_the_same_output_and_gradients(name):
    layer, x = perturb(make(name)), torch.randn(4, 48)
    compiled = torch.compile(layer, fullgraph=True)
    torch.testing.assert_close(compiled(x), layer(x), rtol=1e-4, atol=1e-4)
    parameters = list(layer.trained_parameters().values())
    expected = torch.autograd.grad(layer(x).square().sum(), parameters)
    for one, other in zip(torch.autograd.grad(compiled(x).square().sum(), parameters), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
