"""HydraLoRA: one A, many B, a router."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.adapter import LowRankAdapter
from src.models.hyperparameters import Alpha, Count, Dropout, Rank


class HydraLoRALinear(LowRankAdapter):
    """HydraLoRA (Tian et al. 2024, arXiv 2404.19245): ``delta(x) = (alpha/r) sum_i w_i(x) B_i A x``.

    The weights ``w = softmax(router x)`` are per token, dense over the N experts and computed in float32 at least.

    ======  =====================  =================================================
    A       (r, in_features)       trained, shared, Kaiming-uniform with a = sqrt(5)
    B       (N, out_features, r)   trained, 0
    router  (N, in_features)       trained, Kaiming-uniform with a = sqrt(5)
    ======  =====================  =================================================

    The router is never started at zero: with all B_i equal the heads would stay identical for ever. It reads the raw
    input; one ``A dropout(x)`` serves all experts (the published loop draws a mask for each), and all heads are one
    product: ``sum_i w_i B_i h = [B_1 ... B_N] [w_1 h; ...; w_N h]``.

    Args:
        base: the Linear to adapt.
        r: rank of every head.
        alpha: numerator of the scaling.
        num_experts: N, the number of heads, at least 1.
        dropout: probability of zeroing an element of x on its way to A.

    Raises:
        ValueError: on a value that breaks its rule.
    """

    mergeable = False
    not_mergeable_because = "its update depends on the input, so no one weight has the same output for all inputs"
    routing = ("router",)

    def __init__(self, base: nn.Linear, *, r: Rank, alpha: Alpha, num_experts: Count, dropout: Dropout = 0.0) -> None:
        super().__init__(base, r=r, alpha=alpha, dropout=dropout)
        valid = isinstance(num_experts, int) and num_experts >= 1
        self.check(valid, "num_experts", num_experts, "num_experts is an integer >= 1")
        self.A = self.new_parameter(r, base.in_features)
        self.B = self.new_parameter(num_experts, base.out_features, r)
        self.router = self.new_parameter(num_experts, base.in_features)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        nn.init.zeros_(self.B)
        nn.init.kaiming_uniform_(self.router, a=math.sqrt(5))

    def down(self) -> Tensor:
        return self.A

    def up(self) -> Tensor:
        """All heads side by side, ``(out_features, N r)``."""
        return self.B.permute(1, 0, 2).reshape(self.out_features, -1)

    def routes(self) -> Tensor:
        return self.router

    def gate(self, h: Tensor, q: Tensor) -> Tensor:
        """``(..., r, n), (..., N, n) -> (..., N r, n)``: a copy of h for every expert, times the expert's weight."""
        weights = expert_weights(q).to(h.dtype)
        return (weights.unsqueeze(-2) * h.unsqueeze(-3)).flatten(-3, -2)

    def gate_vjp(self, h: Tensor, q: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        w = expert_weights(q)
        weights, own, h = w.to(h.dtype).unsqueeze(-2), grad.unflatten(-2, (-1, self.r)), h.unsqueeze(-3)
        grad_w = (own * h).sum(-2)
        grad_q = w * (grad_w - (w * grad_w).sum(-2, keepdim=True))
        return (weights * h).flatten(-3, -2), (own * weights).sum(-3), grad_q.to(q.dtype)

    @torch.no_grad()
    def diagnostics(self, x: Tensor) -> dict[str, float]:
        """Router entropy (1 = uniform), every expert's load (mean weight), mean cosine between pairs of heads."""
        weights = expert_weights(self.router @ x.T).float()
        num_experts = len(weights)
        numbers = {f"load_{i}": load for i, load in enumerate(weights.mean(1).tolist())}
        if num_experts > 1:
            entropy = -(weights * weights.clamp_min(1e-12).log()).sum(0).mean()
            numbers["router_entropy"] = float(entropy) / math.log(num_experts)
            heads = self.B.float().flatten(1)
            if heads.any(1).all():  # the cosine with a zero head is not defined
                pairs = torch.triu_indices(num_experts, num_experts, offset=1)
                numbers["head_cosine"] = float(F.cosine_similarity(heads[pairs[0]], heads[pairs[1]]).mean())
        return numbers

    @staticmethod
    def expected_parameters(in_features: int, out_features: int, *, r: int, num_experts: int, **_: object) -> int:
        return r * in_features + num_experts * (r * out_features + in_features)


def expert_weights(logits: Tensor) -> Tensor:
    """``(..., N, n) -> (..., N, n)``, a distribution for each token, in float32 at least."""
    return torch.softmax(logits, dim=-2, dtype=torch.promote_types(logits.dtype, torch.float32))


METHOD = HydraLoRALinear
