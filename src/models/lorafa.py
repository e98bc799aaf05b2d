"""LoRA-FA: LoRA with a frozen A, started at random or from the weight's singular vectors."""

import math
from typing import Annotated, Literal, get_args

import torch
from torch import Tensor, nn

from src.models.adapter import LowRankAdapter
from src.models.hyperparameters import Alpha, Dropout, Rank

Init = Literal["kaiming", "orthogonal", "svd", "svd_scaled", "orthogonal_scaled", "svd_additive"]


class LoRAFALinear(LowRankAdapter):
    """LoRA-FA (Zhang et al. 2023, arXiv 2308.03303): ``dW = (alpha / r) B A`` with A frozen.

    ====  ==================  ========================================
    A     (r, in_features)    frozen (saved, not trained), by ``init``
    B     (out_features, r)   trained, 0 (but for svd_additive)
    B0    (out_features, r)   where B started; kept for ``penalty``
    ====  ==================  ========================================

    The update lives in the row space of A for ever, so ``init`` decides what can be learned. With the base's
    ``W = U S V^T``:

    * ``kaiming``: Kaiming-uniform with a = sqrt(5), LoRA's A.
    * ``orthogonal``: random orthonormal rows.
    * ``svd``: ``A = V_r^T``, the top right singular vectors. As A is frozen, starting B at ``U_r S_r`` and taking
      that product out of W would be the same model, so W is never edited.
    * ``svd_scaled``: ``A = S_r^(1/2) V_r^T``. Adam's step on B is then S^(1/2) times as large in the output.
    * ``orthogonal_scaled``: random orthonormal rows with the norms of svd_scaled: the control that separates the
      direction of A from the size of the step.
    * ``svd_additive``: the published svd-lorafa init, ``A = (U_r S_r)^T`` and ``B = (V^T)[:, :r]`` with nothing
      subtracted, so it does NOT start at the base's output. U stands on the input's side and columns of V^T are not
      singular vectors; both are the published code's and fit square layers only.

    Args:
        base: the Linear to adapt.
        r: rank, at most min(in_features, out_features) for the orthogonal and singular inits.
        alpha: numerator of the scaling.
        init: one of the names above.
        dropout: probability of zeroing an element of x on its way to A.
        penalty: lambda of svd-lorafa's regulariser ``lambda ||B - B0||^2``, which each layer adds to the training loss.
            B0 is where ``init`` puts B, also in a run that starts from another's adapter.

    Raises:
        ValueError: on a value that breaks its rule.
    """

    frozen = ("A",)
    factors = ("A", "B")

    B0: Tensor | None

    def __init__(
        self,
        base: nn.Linear,
        *,
        r: Rank,
        alpha: Alpha,
        init: Init = "kaiming",
        dropout: Dropout = 0.0,
        penalty: Annotated[float, "float >= 0"] = 0.0,
    ) -> None:
        super().__init__(base, r=r, alpha=alpha, dropout=dropout)
        self.check(init in get_args(Init), "init", init, " | ".join(get_args(Init)))
        in_features, out_features = base.in_features, base.out_features
        if init != "kaiming":
            largest = in_features if init == "orthogonal" else min(in_features, out_features)
            self.check(r <= largest, "r", r, f"r <= {largest} with init={init}")
        if init == "svd_additive":
            self.check(in_features == out_features, "init", init, "svd_additive fits square layers only")
        self.check(penalty >= 0, "penalty", penalty, "penalty >= 0")
        self.init, self.penalty = init, penalty
        self.identity_at_start = init != "svd_additive"
        self.A = self.new_parameter(r, in_features).requires_grad_(False)
        self.B = self.new_parameter(out_features, r)
        self.register_buffer("B0", None, persistent=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        self._initialise()
        self.B0 = self.B.detach().clone() if self.penalty else None

    def _initialise(self) -> None:
        nn.init.zeros_(self.B)
        if self.init == "kaiming":
            nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
            return
        # LAPACK knows neither half precision nor a useful accuracy below float32.
        weight = self.base.weight.double()
        if self.init in ("orthogonal", "orthogonal_scaled"):
            a = torch.empty(self.A.shape, dtype=weight.dtype, device=weight.device)
            nn.init.orthogonal_(a)
            if self.init == "orthogonal_scaled":
                a = torch.linalg.svdvals(weight)[: self.r, None].sqrt() * a
        else:
            u, s, vh = torch.linalg.svd(weight, full_matrices=False)
            if self.init == "svd_additive":
                a = (u[:, : self.r] * s[: self.r]).T
                self.B.copy_(vh[:, : self.r])
            else:
                a = vh[: self.r]
                if self.init == "svd_scaled":
                    a = s[: self.r, None].sqrt() * a
        self.A.copy_(a)

    def down(self) -> Tensor:
        return self.A

    def up(self) -> Tensor:
        return self.B

    def auxiliary_loss(self) -> Tensor | None:
        """``penalty * ||B - B0||^2`` (squared Frobenius norm), or None without a penalty."""
        return None if self.B0 is None else self.penalty * (self.B - self.B0).square().sum()

    @staticmethod
    def expected_parameters(in_features: int, out_features: int, *, r: int, **_: object) -> int:
        return r * out_features


METHOD = LoRAFALinear
