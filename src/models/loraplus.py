"""LoRA+: LoRA with a rate of its own for B."""

from torch import nn

from src.models.hyperparameters import Alpha, Dropout, Factor, Rank
from src.models.lora import LoRALinear


class LoRAPlusLinear(LoRALinear):
    """LoRA+ (Hayou et al. 2024, arXiv 2402.12354): LoRA whose B is trained at ``rate_ratio`` times the rate of A.

    With one rate for both, a wide layer hardly learns through A: B starts at zero, and the step that suits it is larger
    by the layer's width. The paper recommends 16 for RoBERTa, with a common rate below LoRA's.

    Args:
        base: the Linear to adapt.
        r: rank of the update, at least 1.
        alpha: numerator of the scaling.
        dropout: probability of zeroing an element of x on its way to A.
        rate_ratio: the learning rate of B over that of A.
    """

    def __init__(
        self,
        base: nn.Linear,
        *,
        r: Rank,
        alpha: Alpha,
        dropout: Dropout = 0.0,
        rate_ratio: Factor = 16.0,
    ) -> None:
        super().__init__(base, r=r, alpha=alpha, dropout=dropout)
        self.check(rate_ratio > 0, "rate_ratio", rate_ratio, "rate_ratio > 0")
        self.rates = {"B": rate_ratio}


METHOD = LoRAPlusLinear
