"""The cheaper dropout against dropout's definition."""

import pytest
import torch
from torch import nn

from src.backbones.fast_paths.dropout import Dropout, use_cheaper_dropout

N = 400_003  # not a multiple of four


def mask(p: float, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return Dropout(p)(torch.ones(N)) != 0


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_every_element_is_dropped_with_probability_p(p):
    kept = mask(p)
    error = (p * (1 - p) / N) ** 0.5
    assert abs(kept.double().mean() - (1 - p)) < 5 * error + 2**-16
    for i in range(4):  # each of the four that share a draw
        assert abs(kept[i::4].double().mean() - (1 - p)) < 10 * error + 2**-16


def test_neighbours_are_independent():
    kept = mask(0.3).double() - 0.7
    for distance in (1, 2, 3, 4, 5):
        correlation = (kept[distance:] * kept[:-distance]).mean() / 0.21
        assert abs(correlation) < 5 / N**0.5


def test_kept_values_and_gradients_are_scaled():
    x = torch.randn(7, 5, 3, dtype=torch.float64, requires_grad=True)
    y = Dropout(0.25)(x)
    kept = (y != 0).double()
    torch.testing.assert_close(y, x * kept / 0.75)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, kept / 0.75)
    assert 0 < kept.sum() < kept.numel()


def test_the_seed_decides():
    assert torch.equal(mask(0.1), mask(0.1))
    assert not torch.equal(mask(0.1), mask(0.1, seed=1))


@pytest.mark.parametrize("layer", [Dropout(0.5).eval(), Dropout(0.0)])
def test_without_dropout_nothing_changes(layer):
    x = torch.randn(9)
    assert torch.equal(layer(x), x)


def test_everything_can_be_dropped():
    assert torch.equal(Dropout(1.0)(torch.ones(9)), torch.zeros(9))


def test_under_vmap_every_slice_has_a_mask_of_its_own():
    first, second = torch.vmap(Dropout(0.5), randomness="different")(torch.ones(2, 100))
    assert not torch.equal(first, second)


def test_under_compile_it_still_drops():
    torch.manual_seed(0)
    kept = torch.compile(Dropout(0.5), backend="eager")(torch.ones(1000)) != 0
    assert 400 < kept.sum() < 600


def test_a_models_dropouts_are_replaced():
    class Own(nn.Dropout):
        pass

    model = nn.Sequential(nn.Dropout(0.2), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3)), Own(0.4))
    use_cheaper_dropout(model)
    assert [(type(m), m.p) for m in model.modules() if isinstance(m, nn.Dropout)] == [
        (Dropout, 0.2), (Dropout, 0.3), (Own, 0.4),
    ]  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_stays(training):
    model = nn.Sequential(nn.Dropout(0.2)).train(training)
    use_cheaper_dropout(model)
    assert model[0].training is training
