"""DoRA: LoRA for the direction of the weight's rows, and a trained length for each."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.adapter import AdapterLinear
from src.models.hyperparameters import Alpha, Dropout, Rank
from src.models.kernels.low_rank import fusable
from src.models.kernels.scaled_rows import scaled_rows_linear, updated
from src.models.peft_part import PeftPart


class DoRALinear(AdapterLinear):
    """DoRA (Liu et al. 2024, arXiv 2402.09353): ``W' = m V / ||V||`` row by row, ``V = W + (alpha / r) B A``.

    =========  ==================  ====================================================================
    A          (r, in_features)    trained, Kaiming-uniform with a = sqrt(5), as LoRA's
    B          (out_features, r)   trained, 0
    magnitude  (out_features,)     trained, the norms of W's rows, so that it starts at the base's output
    =========  ==================  ====================================================================

    The norms ``||V||`` follow the update and pass on no gradient (the paper's section 4.3, and the peft library). A
    row of the weight, ``(out_features, in_features)``, is what the paper calls a column. In training with dropout, A
    and the scaled part of W both read the thinned input, as in the library.

    Args:
        base: the Linear to adapt.
        r: rank of the update of V, at least 1.
        alpha: numerator of the scaling.
        dropout: probability of zeroing an element of the update's input.
    """

    factors = ("A", "B")

    def __init__(self, base: nn.Linear, *, r: Rank, alpha: Alpha, dropout: Dropout = 0.0) -> None:
        super().__init__(base, dropout=dropout)
        self.check(isinstance(r, int) and r >= 1, "r", r, "r is an integer >= 1")
        self.check(alpha > 0, "alpha", alpha, "alpha > 0")
        self.r = r
        self.scaling = alpha / r
        self.A = self.new_parameter(r, base.in_features)
        self.B = self.new_parameter(base.out_features, r)
        # In float32 at least: a half has no number between 1 and 1 + 2^-8.
        dtype = torch.promote_types(base.weight.dtype, torch.float32)
        self.magnitude = nn.Parameter(torch.empty(base.out_features, dtype=dtype, device=base.weight.device))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        nn.init.zeros_(self.B)
        self.magnitude.copy_(self._updated()[1])

    def delta(self, x: Tensor) -> Tensor:
        x = F.dropout(x, self.dropout, self.training)
        gain = self.magnitude / self._updated()[1]
        base = F.linear(x, self.base.weight.to(x.dtype)) * (gain - 1)
        update = F.linear(F.linear(x, self.A.to(x.dtype)), self.B.to(x.dtype)) * (gain * self.scaling)
        return (base + update).to(x.dtype)

    def adapted(self, x: Tensor) -> Tensor:
        """``base(x) + delta(x)`` in one pass over the output, see ``kernels/scaled_rows.py``."""
        if (self.dropout and self.training) or not fusable(self.base):
            y = self.base(x)
            return y + self.delta(x).to(y.dtype)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        return scaled_rows_linear(x, self.base.weight, self.base.bias, self.A, self.B, self.magnitude, self.scaling)

    def delta_weight(self) -> Tensor:
        v, norms = self._updated()
        return ((self.magnitude / norms)[:, None] * v - self.base.weight).to(self.base.weight.dtype)

    def _updated(self) -> tuple[Tensor, Tensor]:
        return updated(self.base.weight, self.A, self.B, self.scaling)

    def peft_part(self) -> PeftPart:
        settings = {"peft_type": "LORA", "r": self.r, "lora_alpha": self.scaling * self.r, "lora_dropout": self.dropout,
                    "use_dora": True, "fan_in_fan_out": False, "use_rslora": False}  # fmt: skip
        tensors = {"lora_A.weight": self.A, "lora_B.weight": self.B, "lora_magnitude_vector": self.magnitude}
        return PeftPart(f"a DoRA of rank {self.r}", settings, {name: own.detach() for name, own in tensors.items()})

    @staticmethod
    def expected_parameters(in_features: int, out_features: int, *, r: int, **_: object) -> int:
        return r * (in_features + out_features) + out_features


METHOD = DoRALinear
