"""One forward and one backward for a frozen Linear and its low-rank update together.

``y = x W^T + b + s gate(x D^T) U^T`` costs two passes over y (the base's and the update's) and one to add them, and the
same again for the gradient of x. Here the update is accumulated into the base's output by the product itself, and
the input's gradient likewise. Kept for backward are x, where D is trained, and the k-wide product, where the output was
made from it or x is not kept; everything else is worked out again from that, D and U too, where a recomputation says
how.

With many tokens on a CPU, adding the update to the weight for the moment of the product is cheaper still: neither y nor
x's gradient is passed over a second time. That sum is only used where it is exact enough: a bfloat16 (or TF32) weight
would round a small update away.

The k-wide products are worked on with the tokens last, ``(k, n)``: for k = 8 a CPU's ``grad^T h^T`` (out, k) takes five
times as long as the same numbers by ``h grad`` (k, out), and a gate's elementwise work would run over k at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from src.utils.tracing import traced


class Gate(Protocol):
    """A function of the k-wide products z, ``(..., h, n) -> (..., k, n)``, that knows its own derivative."""

    def __call__(self, z: Tensor) -> Tensor: ...

    def vjp(self, z: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Its value again, and the gradient of z that grad, ``(..., k, n)``, the gradient of its value, gives."""
        ...


@dataclass(frozen=True)
class Recomputation:
    """How D and U are made of fewer values than they hold, so that backward makes them again instead of keeping them.

    Args:
        make: from the factors to D and U. It holds no tensor itself: those may have been swapped until backward.
        factors: what it is called with.
    """

    make: Callable[..., tuple[Tensor, Tensor]]
    factors: tuple[Tensor, ...]


class _LowRankLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scaling: float,
        gate: Gate | None, make: Callable[..., tuple[Tensor, Tensor]] | None, *factors: Tensor,
    ) -> Tensor:  # fmt: skip
        ctx.gate, ctx.scaling, ctx.summed = gate, scaling, gate is None and worth_summing(x, weight)
        ctx.make = make and _as_now(make, x.device.type)
        needs_down, needs_up = ctx.needs_input_grad[3:5]
        if ctx.summed:
            y = F.linear(x, torch.addmm(weight, up, down, alpha=scaling), bias)
            h = tokens_last(x, down, False) if needs_up and not needs_down else None  # else backward has x
        else:
            h = tokens_last(x, down, gate is not None)
            y = F.linear(x, weight, bias).addmm_((h if gate is None else gate(h)).T, up.T, alpha=scaling)
        ctx.save_for_backward(x if needs_down else None, weight, h, *(factors if make else (down, up)))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, h, *factors = ctx.saved_tensors
        down, up = (made.to(weight.dtype) for made in ctx.make(*factors)) if ctx.make else factors
        needs_x, _, _, needs_down, needs_up, *_ = ctx.needs_input_grad
        gated = tokens_last(x, down, False) if h is None and needs_up else h
        grad_h: Any = None
        if needs_down or not ctx.summed:
            rows = up.T.contiguous() if up.is_cpu else up.T  # for k = 8 half the time of a product with columns
            grad_h = tokens_last(grad, rows, ctx.gate is not None).mul_(ctx.scaling)
        if ctx.gate is not None:
            gated, grad_h = ctx.gate.vjp(h, grad_h)
        grad_x = None
        if needs_x:
            summed = torch.addmm(weight, up, down, alpha=ctx.scaling) if ctx.summed else None
            grad_x = (grad @ weight).addmm_(grad_h.T, down) if summed is None else grad @ summed
        grad_down = grad_h @ x if needs_down else None
        grad_up = (gated @ grad).mul_(ctx.scaling).T if needs_up else None
        return grad_x, None, None, grad_down, grad_up, *(None for _ in ctx.needs_input_grad[5:])


def _as_now(make: Callable[..., tuple[Tensor, Tensor]], device: str) -> Callable[..., tuple[Tensor, Tensor]]:
    """``make`` under the autocast that is on now, which autograd turns off for backward: the same roundings twice."""
    if not torch.is_autocast_enabled(device):
        return make
    return torch.autocast(device, torch.get_autocast_dtype(device))(make)


def tokens_last(x: Tensor, factor: Tensor, dense: bool) -> Tensor:
    """``factor x^T``, ``(n, in), (k, in) -> (k, n)``; dense where elementwise work on it follows."""
    h = (x @ factor.T).T
    return h.contiguous() if dense else h


def worth_summing(x: Tensor, weight: Tensor) -> bool:
    """Whether the sum of weight and update is exact enough, and cheaper than a second pass over x and y."""
    exact = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    return exact and x.shape[0] * sum(weight.shape) > 2 * weight.numel()


def low_rank_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scaling: float,
    gate: Gate | None = None, recomputation: Recomputation | None = None,
) -> Tensor:  # fmt: skip
    """``x W^T + b + scaling gate(x D^T) U^T`` for a frozen W.

    Args:
        x: (..., in_features).
        weight: W, (out_features, in_features), not trained; neither is bias.
        bias: b, (out_features,), or None.
        down: D, (h, in_features).
        up: U, (out_features, k).
        scaling: of the update.
        gate: from (h, n) to (k, n); None where k = h and nothing lies between.
        recomputation: how D and U are made again for backward; None keeps them, which for a parameter costs nothing.

    Returns:
        (..., out_features), in x's dtype.
    """
    make, factors = (recomputation.make, recomputation.factors) if recomputation else (None, ())
    y = _LowRankLinear.apply(x.reshape(-1, x.shape[-1]), weight, bias, down, up, scaling, gate, make, *factors)
    return y.view(*x.shape[:-1], -1)


def fusable(base: nn.Linear) -> bool:
    """Whether the fused function can stand in for the layer's own call.

    Not for a subclass, which may compute something else, nor past hooks; not under ``vmap`` and its kin, which see
    through plain operations alone; not under ``torch.compile``, which fuses those by itself.
    """
    plain = type(base) is nn.Linear and not base._forward_hooks and not base._forward_pre_hooks
    return plain and not traced()
