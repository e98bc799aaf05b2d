"""LoRA."""

import math

from torch import Tensor, nn

from src.models.adapter import LowRankAdapter
from src.models.hyperparameters import Alpha, Dropout, Rank


class LoRALinear(LowRankAdapter):
    """LoRA (Hu et al. 2021, arXiv 2106.09685): ``dW = (alpha / r) B A``.

    ====  ==================  ====================================================
    A     (r, in_features)    trained, Kaiming-uniform with a = sqrt(5), as loralib
    B     (out_features, r)   trained, 0
    ====  ==================  ====================================================

    Args:
        base: the Linear to adapt.
        r: rank of the update, at least 1.
        alpha: numerator of the scaling.
        dropout: probability of zeroing an element of x on its way to A.
    """

    factors = ("A", "B")

    def __init__(self, base: nn.Linear, *, r: Rank, alpha: Alpha, dropout: Dropout = 0.0) -> None:
        super().__init__(base, r=r, alpha=alpha, dropout=dropout)
        self.A = self.new_parameter(r, base.in_features)
        self.B = self.new_parameter(base.out_features, r)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        nn.init.zeros_(self.B)

    def down(self) -> Tensor:
        return self.A

    def up(self) -> Tensor:
        return self.B

    @staticmethod
    def expected_parameters(in_features: int, out_features: int, *, r: int, **_: object) -> int:
        return r * (in_features + out_features)


METHOD = LoRALinear
