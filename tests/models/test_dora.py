"""DoRA against the peft library's."""

import copy

import pytest
import torch
from torch import nn

from src.models.dora import DoRALinear
from src.models.kernels import low_rank
from tests.models.facts import perturb

peft = pytest.importorskip("peft", reason="the peft library is not installed: pip install -r requirements-peft.txt")


def both(dtype: torch.dtype = torch.float64, dropout: float = 0.0):
    """Our layer and the library's, with the same values."""
    torch.manual_seed(0)
    ours = perturb(DoRALinear(nn.Linear(48, 20, dtype=dtype), r=4, alpha=8, dropout=dropout), std=0.5)
    config = peft.LoraConfig(target_modules=["0"], r=4, lora_alpha=8, use_dora=True, lora_dropout=dropout)
    model = peft.get_peft_model(nn.Sequential(copy.deepcopy(ours.base)), config, autocast_adapter_dtype=False)
    theirs = model.base_model.model[0]
    values = [theirs.lora_A["default"].weight, theirs.lora_B["default"].weight]
    values.append(theirs.lora_magnitude_vector["default"].weight)
    own = [ours.A, ours.B, ours.magnitude]
    assert torch.allclose(values[2].to(dtype), torch.linalg.vector_norm(ours.weight, dim=1))  # where both start
    with torch.no_grad():
        for value, source in zip(values, own, strict=True):
            value.data = source.detach().clone()
    return (ours, own), (theirs, values)


@pytest.mark.parametrize("summed", [True, False])
def test_with_the_same_values_output_and_gradients_are_the_librarys(summed, monkeypatch):
    monkeypatch.setattr(low_rank, "worth_summing", lambda x, weight: summed)
    x = torch.randn(2, 9, 48, dtype=torch.float64, requires_grad=True)
    results = []
    for layer, values in both():
        y = layer(x)
        results.append([y, *torch.autograd.grad(y.sin().sum(), [x, *values])])
    for found, reference in zip(*results, strict=True):
        torch.testing.assert_close(found, reference, rtol=1e-11, atol=1e-11)


def test_dropout_thins_what_the_library_thins():
    """The scaled part of the frozen weight reads the thinned input, too."""
    x = torch.randn(5, 48, dtype=torch.float64)
    results = []
    for layer, _ in both(dropout=0.5):
        torch.manual_seed(1)
        results.append(layer.train()(x))
    torch.testing.assert_close(*results, rtol=1e-11, atol=1e-11)
    assert not torch.allclose(results[0], layer.eval()(x))


def test_the_merged_weight_is_the_librarys():
    (ours, _), (theirs, _) = both()
    ours.merge()
    theirs.merge()
    torch.testing.assert_close(ours.weight, theirs.base_layer.weight, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("gain", [1e-9, 0.0])
def test_a_row_that_has_almost_no_length_still_gets_its_gradient(gain):
    """What divides by the gain to spare a product would be lost in the rounding of the bias."""
    (ours, own), (theirs, values) = both(torch.float32)
    with torch.no_grad():
        for magnitude in (own[2], values[2]):
            magnitude[3] *= gain
    x = torch.randn(64, 48)
    assert low_rank.worth_summing(x, ours.weight)
    found, reference = (torch.autograd.grad(layer(x).sum(), v[2])[0] for layer, v in ((ours, own), (theirs, values)))
    torch.testing.assert_close(found, reference, rtol=1e-4, atol=1e-4)
