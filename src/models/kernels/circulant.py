"""A frozen Linear and its block-circulant update together, by Fourier transforms over the blocks.

The update's weight ``C`` is made of ``p x q`` blocks of ``b x b``, each of which is one row of ``b`` values moved on by
one place from row to row: ``C[k, i] = w[(i - k) mod b]``. Its product with x is a circular correlation, so
``rfft(y) = rfft(x) conj(rfft(w))``; x's gradient is a convolution, and w's is again a correlation, of x with y's
gradient. No product in backward is as wide as the weight but the frozen one, and only x is kept for it.

As for a low-rank update, with many tokens on a CPU the sum of weight and update serves for the moment of the product.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from src.models.kernels import low_rank


def circulant(kernel: Tensor) -> Tensor:
    """The block-circulant matrix of ``(p, q, b)`` values, ``(p b, q b)``; they are copied, and nothing is computed."""
    p, q, b = kernel.shape
    rows = torch.cat([kernel, kernel], dim=-1).unfold(-1, b, 1)[..., 1:, :].flip(-2)  # (p, q, b, b)
    return rows.transpose(1, 2).reshape(p * b, q * b)


def correlate(x: Tensor, kernel: Tensor) -> Tensor:
    """``x C^T``, ``(n, q b), (p, q, b) -> (n, p b)``, in float32 at least: halves have no Fourier transform."""
    spectra, own = _spectra(x, kernel.shape[-1]), _spectrum(kernel, x)
    return _back(_joined("nqf,pqf->npf", spectra, own.conj()), kernel.shape[-1], x.dtype)


def _convolve(grad: Tensor, kernel: Tensor) -> Tensor:
    """``grad C``, ``(n, p b), (p, q, b) -> (n, q b)``: how the gradient of ``correlate`` goes on to x."""
    spectra, own = _spectra(grad, kernel.shape[-1]), _spectrum(kernel, grad)
    return _back(_joined("npf,pqf->nqf", spectra, own), kernel.shape[-1], grad.dtype)


def _kernel_gradient(x: Tensor, grad: Tensor, kernel: Tensor) -> Tensor:
    """The gradient of ``correlate`` for its kernel: the sums of ``grad^T x`` along the blocks' diagonals."""
    b = kernel.shape[-1]
    product = _joined("npf,nqf->pqf", _spectra(grad, b).conj(), _spectra(x, b))
    return torch.fft.irfft(product, n=b).to(kernel.dtype)


def _spectra(x: Tensor, b: int) -> Tensor:
    """Of each block of a row: ``(n, q b) -> (n, q, b // 2 + 1)``."""
    return torch.fft.rfft(_wide(x).unflatten(-1, (-1, b)))


def _spectrum(kernel: Tensor, beside: Tensor) -> Tensor:
    return torch.fft.rfft(kernel.to(torch.promote_types(_wide(kernel).dtype, _wide(beside).dtype)))


def _back(spectra: Tensor, b: int, dtype: torch.dtype) -> Tensor:
    return torch.fft.irfft(spectra, n=b).flatten(-2).to(dtype)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _joined(formula: str, first: Tensor, second: Tensor) -> Tensor:
    return torch.einsum(formula, first, second)


class _CirculantLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, kernel: Tensor, scaling: float
    ) -> Tensor:  # fmt: skip
        ctx.scaling, ctx.summed = scaling, low_rank.worth_summing(x, weight)
        ctx.save_for_backward(x, weight, kernel)
        if ctx.summed:
            return F.linear(x, torch.add(weight, circulant(kernel), alpha=scaling), bias)
        return F.linear(x, weight, bias).add_(correlate(x, kernel), alpha=scaling)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, kernel = ctx.saved_tensors
        grad_x = grad_kernel = None
        if ctx.needs_input_grad[0] and ctx.summed:
            grad_x = grad @ torch.add(weight, circulant(kernel), alpha=ctx.scaling)
        elif ctx.needs_input_grad[0]:
            grad_x = (grad @ weight).add_(_convolve(grad, kernel), alpha=ctx.scaling)
        if ctx.needs_input_grad[3]:
            grad_kernel = _kernel_gradient(x, grad, kernel).mul_(ctx.scaling)
        return grad_x, None, None, grad_kernel, None


def circulant_linear(x: Tensor, weight: Tensor, bias: Tensor | None, kernel: Tensor, scaling: float) -> Tensor:
    """``x (W + scaling C)^T + b`` for a frozen W and the block-circulant matrix C of kernel.

    Args:
        x: (..., q b).
        weight: W, (p b, q b), not trained; neither is bias.
        bias: b, (p b,), or None.
        kernel: (p, q, b), of float32 at least.
        scaling: of the update.

    Returns:
        (..., p b), in x's dtype.
    """
    y = _CirculantLinear.apply(x.reshape(-1, x.shape[-1]), weight, bias, kernel, scaling)
    return y.view(*x.shape[:-1], -1)
