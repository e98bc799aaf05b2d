"""One forward and one backward for a frozen Linear and the low-rank updates of many jobs together.

The rows of the jobs stand one below the other; the base's product runs once on all of them. Each group of jobs with
updates of the same shape adds its own with one batched product, straight into the output. What one job does, a NaN
included, stays in its rows and its factors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from src.models.kernels.low_rank import Gate


@dataclass(frozen=True)
class Update:
    """The low-rank updates of the jobs whose rows are ``start:stop``, the same number for each.

    Attributes:
        start: first row.
        stop: the row behind the last.
        down: (jobs, h, in_features).
        up: (jobs, out_features, k), the scaling included.
        gate: from (jobs, h, n) to (jobs, k, n); None where k = h.
    """

    start: int
    stop: int
    down: Tensor
    up: Tensor
    gate: Gate | None = None


class _PackedLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, rows: list[tuple[int, int]], gates: list[Gate | None],
        *factors: Tensor,
    ) -> Tensor:  # fmt: skip
        y = F.linear(x, weight, bias)
        products = []
        for (start, stop), gate, down, up in zip(rows, gates, factors[::2], factors[1::2], strict=True):
            h = down @ _jobs(x, start, stop, len(down)).mT
            _jobs(y, start, stop, len(up)).baddbmm_((h if gate is None else gate(h)).mT, up.mT)
            products.append(h)
        ctx.rows, ctx.gates = rows, gates
        trains_down = any(ctx.needs_input_grad[5::2])
        ctx.save_for_backward(x if trains_down else None, weight, *factors, *products)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, *saved = ctx.saved_tensors
        grad = grad.contiguous()
        count = len(ctx.rows)
        downs, ups, products = saved[: 2 * count : 2], saved[1 : 2 * count : 2], saved[2 * count :]
        grad_x = grad @ weight if ctx.needs_input_grad[0] else None
        grads: list[Tensor | None] = []
        for i, ((start, stop), gate) in enumerate(zip(ctx.rows, ctx.gates, strict=True)):
            down, up, h = downs[i], ups[i], products[i]
            own = _jobs(grad, start, stop, len(up))
            grad_gated = up.mT @ own.mT
            if gate is None:
                gated, grad_h = h, grad_gated
            else:
                gated, grad_h = gate.vjp(h, grad_gated)
            if grad_x is not None:
                _jobs(grad_x, start, stop, len(down)).baddbmm_(grad_h.mT, down)
            needs_down, needs_up = ctx.needs_input_grad[5 + 2 * i : 7 + 2 * i]
            grads.append(grad_h @ _jobs(x, start, stop, len(down)) if needs_down else None)
            grads.append((gated @ own).mT if needs_up else None)
        return grad_x, None, None, None, None, *grads


def packed_linear(x: Tensor, weight: Tensor, bias: Tensor | None, updates: Sequence[Update]) -> Tensor:
    """``y = x W^T + b``, and in the rows of each update's jobs ``y += gate(x D^T) U^T`` with the job's own D and U.

    Args:
        x: (rows, length, in_features).
        weight: W, (out_features, in_features), not trained; neither is bias.
        bias: b, (out_features,), or None.
        updates: of disjoint rows.

    Returns:
        (rows, length, out_features), in x's dtype.
    """
    factors = [factor for update in updates for factor in (update.down, update.up)]
    rows = [(update.start, update.stop) for update in updates]
    y: Tensor = _PackedLinear.apply(x, weight, bias, rows, [update.gate for update in updates], *factors)
    return y


def _jobs(x: Tensor, start: int, stop: int, count: int) -> Tensor:
    """Rows ``start:stop`` of (rows, length, features) as (jobs, tokens, features); a view, x is contiguous."""
    return x[start:stop].view(count, -1, x.shape[-1])
