"""One forward and one backward for a frozen Linear and its low-rank update together.

``y = x W^T + b + s gate(x D^T) U^T`` costs two passes over y (the base's and the update's) and one to add them, and the
same again for the gradient of x. Here the update is accumulated into the base's output by the product itself, and
the input's gradient likewise. Kept for backward are x, where D is trained, and the k-wide product; everything else is
worked out again from that.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Gate = Callable[[Tensor], Tensor]  # (n, h) -> (n, k)


class _LowRankLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scaling: float,
        gate: Gate | None,
    ) -> Tensor:  # fmt: skip
        h = x @ down.T
        gated = h if gate is None else gate(h)
        y = torch.nn.functional.linear(x, weight, bias).addmm_(gated, up.T, alpha=scaling)
        ctx.gate, ctx.scaling = gate, scaling
        ctx.save_for_backward(x if ctx.needs_input_grad[3] else None, weight, down, up, h)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, down, up, h = ctx.saved_tensors
        needs_x, _, _, needs_down, needs_up, _, _ = ctx.needs_input_grad
        grad_gated = (grad @ up).mul_(ctx.scaling)
        if ctx.gate is None:
            gated, grad_h = h, grad_gated
        else:
            with torch.enable_grad():
                h = h.detach().requires_grad_()
                gated = ctx.gate(h)
            (grad_h,) = torch.autograd.grad(gated, h, grad_gated)
        grad_x = (grad @ weight).addmm_(grad_h, down) if needs_x else None
        grad_down = grad_h.T @ x if needs_down else None
        grad_up = (grad.T @ gated.detach()).mul_(ctx.scaling) if needs_up else None
        return grad_x, None, None, grad_down, grad_up, None, None


def low_rank_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scaling: float, gate: Gate | None = None
) -> Tensor:
    """``x W^T + b + scaling gate(x D^T) U^T`` for a frozen W.

    Args:
        x: (..., in_features).
        weight: W, (out_features, in_features), not trained; neither is bias.
        bias: b, (out_features,), or None.
        down: D, (h, in_features).
        up: U, (out_features, k).
        scaling: of the update.
        gate: from (n, h) to (n, k), a function of its argument alone; None where k = h and nothing lies between.

    Returns:
        (..., out_features), in x's dtype.
    """
    y = _LowRankLinear.apply(x.reshape(-1, x.shape[-1]), weight, bias, down, up, scaling, gate)
    return y.view(*x.shape[:-1], -1)


def fusable(base: nn.Linear) -> bool:
    """Whether the fused function can stand in for the layer's own call.

    Not for a subclass, which may compute something else, nor past hooks; not under ``vmap`` and its kin, which see
    through plain operations alone; not under ``torch.compile``, which fuses those by itself.
    """
    plain = type(base) is nn.Linear and not base._forward_hooks and not base._forward_pre_hooks
    return plain and not torch.compiler.is_compiling() and not torch._C._are_functorch_transforms_active()
