"""C3A: the update is a matrix of circulant blocks."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.adapter import AdapterLinear
from src.models.hyperparameters import Count, Dropout, Factor
from src.models.kernels.circulant import circulant, circulant_linear, correlate
from src.models.kernels.low_rank import fusable
from src.models.peft_part import PeftPart


class C3ALinear(AdapterLinear):
    """C3A (Chen et al. 2024, arXiv 2407.19342): ``dW = C(kernel) / in_features``, a matrix of circulant blocks.

    ======  ================  ==========================================================================
    kernel  (out/b, in/b, b)  trained, 0; each row of a block is the one above moved on by one place:
                              ``C[p b + k, q b + i] = kernel[p, q, (i - k) mod b]``
    ======  ================  ==========================================================================

    The sides of a block are ``b = gcd(in_features, out_features) / divisions`` (the paper's 768/1 and 768/6 have 1 and
    6 divisions), so ``in out / b`` values are trained and the update can be of full rank. The published init is
    Xavier-uniform; zeros are the init at the base's output. As the published code divides by ``in_features``, the
    kernel wants a rate that is no rate for a head, 0.1 to 0.4 in the paper: ``rate_ratio`` times the common one.

    Args:
        base: the Linear to adapt.
        divisions: of the largest block that fits, at least 1; they divide its side.
        dropout: probability of zeroing an element of the update's input.
        rate_ratio: the learning rate of the kernel over the common one.

    Raises:
        ValueError: on a value that breaks its rule.
    """

    def __init__(
        self, base: nn.Linear, *, divisions: Count = 1, dropout: Dropout = 0.0, rate_ratio: Factor = 100.0
    ) -> None:
        super().__init__(base, dropout=dropout)
        side = math.gcd(base.in_features, base.out_features)
        fits = isinstance(divisions, int) and divisions >= 1 and side % divisions == 0
        self.check(fits, "divisions", divisions, f"an integer >= 1 that divides {side}")
        self.check(rate_ratio > 0, "rate_ratio", rate_ratio, "rate_ratio > 0")
        self.rates = {"kernel": rate_ratio}
        self.block = side // divisions
        self.scaling = 1 / base.in_features
        self.kernel = self.new_parameter(base.out_features // self.block, base.in_features // self.block, self.block)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.kernel)

    def delta(self, x: Tensor) -> Tensor:
        x = F.dropout(x, self.dropout, self.training)
        y = correlate(x.reshape(-1, self.in_features), self.kernel) * self.scaling
        return y.view(*x.shape[:-1], -1)

    def adapted(self, x: Tensor) -> Tensor:
        """``base(x) + delta(x)`` in one pass over the output, see ``kernels/circulant.py``."""
        if (self.dropout and self.training) or not fusable(self.base):
            y = self.base(x)
            return y + self.delta(x).to(y.dtype)
        weight: Tensor = self.base.weight
        bias: Tensor | None = self.base.bias
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight = x.to(dtype), weight.to(dtype)
            bias = bias if bias is None else bias.to(dtype)
        return circulant_linear(x, weight, bias, self.kernel, self.scaling)

    def peft_part(self) -> PeftPart:
        return PeftPart("a C3A", {"peft_type": "C3A", "block_size": self.block}, {"c3a_kernel": self.kernel.detach()})

    def delta_weight(self) -> Tensor:
        return self.scaling * circulant(self.kernel)

    @staticmethod
    def expected_parameters(in_features: int, out_features: int, *, divisions: int = 1, **_: object) -> int:
        return in_features * out_features // math.gcd(in_features, out_features) * divisions


METHOD = C3ALinear
