"""What transformers' encoders need to be computed in bf16 or fp16 under autocast."""

from typing import Any

import torch
from torch import Tensor

FAMILIES = ("deberta", "deberta-v2")


class CastScores:
    """Mixed into the class of DeBERTa's attention: what its scores are made of has the precision of autocast.

    Its biases are fp32, so a query becomes fp32 with the first of them. The mask is then filled with the smallest fp32
    number, which the scores, products in bf16 or fp16, cannot hold: an overflow in place of a training.
    """

    def transpose_for_scores(self, x: Tensor, *args: Any) -> Tensor:
        """Split a projection ``(n, tokens, width)`` into heads, as the library does."""
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        found: Tensor = super().transpose_for_scores(x, *args)  # type: ignore[misc]
        return found


def mend_autocast(model: Any) -> None:
    """Have a model's attention, where it is DeBERTa's, take autocast; nothing else changes, and nothing in fp32."""
    if model.config.model_type not in FAMILIES:
        return
    for module in model.modules():
        if callable(getattr(module, "transpose_for_scores", None)) and not isinstance(module, CastScores):
            plain = type(module)
            module.__class__ = type(f"Cast{plain.__name__}", (CastScores, plain), {})
