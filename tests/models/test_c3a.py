"""C3A against the peft library's, and its parts against their definitions."""

import pytest
import torch
from torch import nn

from src.models.c3a import C3ALinear
from src.models.kernels.circulant import circulant
from tests.models.facts import perturb

peft = pytest.importorskip("peft", reason="the peft library is not installed: pip install -r requirements-peft.txt")


@pytest.mark.parametrize(("in_features", "out_features", "divisions"), [(48, 48, 1), (48, 24, 2), (24, 48, 4)])
def test_with_the_same_kernel_the_librarys_output_gradient_and_update_are_ours(in_features, out_features, divisions):
    """But for the gradient that the library passes on to x: ours is that of the sum of weight and update."""
    torch.manual_seed(0)
    linear = nn.Linear(in_features, out_features)
    ours = perturb(C3ALinear(linear, divisions=divisions), std=2.0)
    config = peft.C3AConfig(target_modules=["0"], block_size=ours.block)
    theirs = peft.get_peft_model(nn.Sequential(nn.Linear(in_features, out_features)), config).base_model.model[0]
    theirs.base_layer.load_state_dict(linear.state_dict())
    kernel = theirs.c3a_kernel["default"]
    assert kernel.shape == ours.kernel.shape
    with torch.no_grad():
        kernel.copy_(ours.kernel)
    x = torch.randn(2, 40, in_features, requires_grad=True)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    weights = torch.randn(2, 40, out_features)
    found, reference = (torch.autograd.grad((layer(x) * weights).sum(), [own, x])
                        for layer, own in ((ours, ours.kernel), (theirs, kernel)))  # fmt: skip
    torch.testing.assert_close(found[0], reference[0], rtol=1e-4, atol=1e-5)
    update = theirs.get_delta_weight("default")
    torch.testing.assert_close(ours.delta_weight(), update, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[1], weights @ (linear.weight + update), rtol=1e-4, atol=1e-4)
    wrong = (reference[1] - found[1]).norm() / (found[1] - weights @ linear.weight).norm()
    assert wrong > 0.5, "the library's gradient of x is right now: say so in docs/peft_methods.md"


def test_a_circulant_block_moves_on_by_one_place_from_row_to_row():
    kernel = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert circulant(kernel).tolist() == [[1, 2, 3], [3, 1, 2], [2, 3, 1]]
    assert circulant(torch.arange(8.0).view(2, 2, 2)).tolist() == [
        [0, 1, 2, 3], [1, 0, 3, 2], [4, 5, 6, 7], [5, 4, 7, 6]]  # fmt: skip


def test_an_update_of_few_values_is_of_full_rank():
    layer = perturb(C3ALinear(nn.Linear(16, 16)))
    assert layer.kernel.numel() == 16 and torch.linalg.matrix_rank(layer.delta_weight()) == 16
