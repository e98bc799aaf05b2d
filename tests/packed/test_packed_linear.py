"""The packed linear against its definition: each job's rows through the base plus the job's own update."""

import pytest
import torch

from src.packed.kernel import Update, packed_linear

IN, OUT, LENGTH = 6, 5, 3


class Gate:
    """Two values and two routes: ``(..., 4, n) -> (..., 4, n)``, as in HydraLoRA with r = 2 and two experts."""

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        return (torch.softmax(z[..., 2:, :], -2).unsqueeze(-2) * z[..., :2, :].unsqueeze(-3)).flatten(-3, -2)

    def vjp(self, z: torch.Tensor, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gated, vjp = torch.func.vjp(self, z)
        return gated, vjp(grad)[0]


def example(seed: int = 0) -> tuple[list[torch.Tensor], list[tuple[int, int, object]]]:
    """x, W, b and the factors of two groups: three jobs of one row each, and after a free row two gated ones."""
    torch.manual_seed(seed)
    shapes = [(9, LENGTH, IN), (OUT, IN), (OUT,), (3, 2, IN), (3, OUT, 2), (2, 4, IN), (2, OUT, 4)]
    tensors = [torch.randn(shape, dtype=torch.float64, requires_grad=i not in (1, 2)) for i, shape in enumerate(shapes)]
    return tensors, [(0, 3, None), (5, 9, Gate())]


def packed(x, weight, bias, *factors, rows):
    updates = [Update(start, stop, *factors[2 * i : 2 * i + 2], own) for i, (start, stop, own) in enumerate(rows)]
    return packed_linear(x, weight, bias, updates)


def naive(x, weight, bias, *factors, rows):
    y = list(torch.nn.functional.linear(x, weight, bias))
    for (start, stop, own), downs, ups in zip(rows, factors[::2], factors[1::2], strict=True):
        each = (stop - start) // len(downs)
        for row in range(start, stop):
            down, up = downs[(row - start) // each], ups[(row - start) // each]
            h = x[row] @ down.T
            y[row] = y[row] + (h if own is None else own(h.T).T) @ up.T
    return torch.stack(y)


def test_equals_its_definition():
    tensors, rows = example()
    found, expected = packed(*tensors, rows=rows), naive(*tensors, rows=rows)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    assert not torch.allclose(found, torch.nn.functional.linear(*tensors[:3]))
    weights = torch.randn_like(found)
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    for one, other in zip(
        torch.autograd.grad(found, wanted, weights), torch.autograd.grad(expected, wanted, weights), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_gradcheck():
    tensors, rows = example(1)
    torch.autograd.gradcheck(lambda *given: packed(*given, rows=rows), tensors)


def test_what_is_not_trained_gets_no_gradient():
    (x, weight, bias, *factors), rows = example()
    fixed = [x.detach(), weight, bias, factors[0].detach(), *factors[1:]]
    y = packed(*fixed, rows=rows)
    grads = torch.autograd.grad(y.sum(), factors[1:])
    assert all(grad.abs().sum() > 0 for grad in grads)


@pytest.mark.parametrize("broken", ["input", "factor"])
def test_a_nan_stays_with_its_job(broken):
    """Rows and factors of the other jobs, and their gradients, do not see it."""
    tensors, rows = example()
    clean = naive(*tensors, rows=rows)
    expected = torch.autograd.grad(clean.sum(), tensors[4])[0]
    with torch.no_grad():
        tensors[0 if broken == "input" else 3][1] = torch.nan  # of the second job of the first group
    y = packed(*tensors, rows=rows)
    others = [row for row in range(9) if row != 1]
    assert y[1].isnan().all()
    assert torch.equal(y[others].isnan(), torch.zeros_like(y[others], dtype=torch.bool))
    torch.testing.assert_close(y[others], clean[others])
    found = torch.autograd.grad(y.sum(), tensors[4])[0]
    torch.testing.assert_close(found[[0, 2]], expected[[0, 2]])
    assert found[1].isnan().any()
