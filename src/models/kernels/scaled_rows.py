"""A frozen Linear with a low-rank update whose weight's rows are then given lengths of their own, in one pass.

``y = x (g V)^T + b`` with ``V = W + s U D`` and ``g = m / ||V||``, row by row. As published, the norms are taken as
constants by backward. By plain operations that is a second product with W and four more passes over y; here, with many
tokens on a CPU, it is one product with ``g V``. Elsewhere (few tokens, bfloat16, a GPU) the base's own output is scaled
and the update added to it: a rounded sum of weight and update would lose a small one.

Backward needs ``sum_n grad (x V^T)``, m's gradient times the norm. ``x V^T = (y - b) / g`` costs no product again, and
y is at hand: what follows keeps it as its input, as a rule. Elsewhere the base's output is kept for it.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from src.models.kernels import low_rank

SMALLEST = 2**-6  # gain by which y is divided; below it, y's rounding would show


@torch.no_grad()
def updated(weight: Tensor, down: Tensor, up: Tensor, scaling: float) -> tuple[Tensor, Tensor]:
    """V and the norms of its rows, ``(out, in)`` and ``(out,)``, in float32 at least and without a gradient."""
    dtype = torch.promote_types(weight.dtype, torch.float32)
    v = torch.addmm(weight.to(dtype), up.to(dtype), down.to(dtype), alpha=scaling)
    return v, torch.linalg.vector_norm(v, dim=1)


class _ScaledRowsLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, magnitude: Tensor,
        scaling: float,
    ) -> Tensor:  # fmt: skip
        ctx.scaling, ctx.summed = scaling, x.dtype == weight.dtype and low_rank.worth_summing(x, weight)
        v, norms = updated(weight, down, up, scaling)
        gain = magnitude / norms
        if ctx.summed:
            y = kept = F.linear(x, v.mul_(gain[:, None]), bias)
        else:
            own = None if bias is None else bias.to(x.dtype)
            kept = F.linear(x, weight.to(x.dtype), own)
            # A gain of 1 leaves every bit as it is, which (kept - bias) * gain + bias would not.
            y = (kept * gain if own is None else torch.addcmul(own * (1 - gain), kept, gain)).to(x.dtype)
            y = y.addmm_(x @ down.T.to(x.dtype), _lifted(up, gain, scaling, x.dtype).T)
        ctx.save_for_backward(x, weight, bias, down, up, gain, norms, kept)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, down, up, gain, norms, kept = ctx.saved_tensors
        lifted = _lifted(up, gain, ctx.scaling, grad.dtype)
        grad_h = low_rank.tokens_last(grad, lifted.T.contiguous() if up.is_cpu else lifted.T, False)
        grad_x = None
        if ctx.needs_input_grad[0] and ctx.summed:
            grad_x = grad @ updated(weight, down, up, ctx.scaling)[0].mul_(gain[:, None])
        elif ctx.needs_input_grad[0]:
            grad_x = ((grad * gain).to(grad.dtype) @ weight.to(grad.dtype)).addmm_(grad_h.T, down.to(grad.dtype))
        from_h = (low_rank.tokens_last(x, down.to(x.dtype), False) @ grad).to(up.dtype).mul_(ctx.scaling)  # (r, out)
        if ctx.summed and gain.abs().min() < SMALLEST:
            grad_gain = (grad * F.linear(x, updated(weight, down, up, ctx.scaling)[0])).sum(0)
        else:
            grad_gain = _summed(grad, kept) - (0 if bias is None else bias * grad.sum(0, dtype=gain.dtype))
            grad_gain = grad_gain / gain if ctx.summed else grad_gain + (up.T * from_h).sum(0)
        grad_down, grad_up = (grad_h @ x).to(down.dtype), (from_h * gain).T.to(up.dtype)
        return grad_x, None, None, grad_down, grad_up, (grad_gain / norms).to(gain.dtype), None


def _lifted(up: Tensor, gain: Tensor, scaling: float, dtype: torch.dtype) -> Tensor:
    """What the k-wide product is multiplied by: ``(out, k)``."""
    return (up * (gain * scaling)[:, None]).to(dtype)


def _summed(grad: Tensor, y: Tensor) -> Tensor:
    """``sum_n grad y``, in float32 at least."""
    return (grad * y).sum(0, dtype=torch.promote_types(grad.dtype, torch.float32))


def scaled_rows_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, magnitude: Tensor, scaling: float
) -> Tensor:
    """``x (m / ||V|| V)^T + b`` with ``V = W + scaling U D``, for a frozen W, in x's dtype.

    Args:
        x: (..., in_features); its dtype is the product's.
        weight: W, (out_features, in_features), not trained; neither is bias.
        bias: b, (out_features,), or None.
        down: D, (r, in_features).
        up: U, (out_features, r).
        magnitude: m, (out_features,).
        scaling: of the update.
    """
    y = _ScaledRowsLinear.apply(x.reshape(-1, x.shape[-1]), weight, bias, down, up, magnitude, scaling)
    return y.view(*x.shape[:-1], -1)
