"""Dropout with a cheaper mask on a CPU."""

import torch
from torch import Tensor, nn

from src.models.fused import traced

_STEPS = 2**16


class Dropout(nn.Dropout):
    """``y = x * keep / (1 - p)``, as ``nn.Dropout``; on a CPU one 64-bit draw decides about four elements.

    ``nn.Dropout`` draws a number of its own for every element, one after the other, on one core: a sixth of a step of
    a frozen encoder, four times what is needed. Here p is rounded to a multiple of 2^-16, and the scale with it. What
    backward keeps is one byte an element instead of four. Elsewhere, on a GPU, under ``torch.compile`` or ``vmap``,
    it is ``nn.Dropout``.
    """

    def forward(self, x: Tensor) -> Tensor:
        dropped = round(self.p * _STEPS)
        if not (self.training and 0 < dropped < _STEPS and x.is_cpu) or traced():
            return super().forward(x)
        draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        keep = draws.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - _STEPS // 2
        return (x * keep).mul_(_STEPS / (_STEPS - dropped))


def use_cheaper_dropout(model: nn.Module) -> None:
    """Put ``Dropout`` in place of every ``nn.Dropout`` of the model."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p).train(child.training))
