"""Dropout with a cheaper mask on a CPU."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from src.utils.tracing import traced

_STEPS = 2**16


class Dropout(nn.Dropout):
    """``nn.Dropout`` with the mask of ``drop`` where ``applies`` says so."""

    def forward(self, x: Tensor) -> Tensor:
        return drop(x, self.p) if self.training and applies(x, self.p) else super().forward(x)


def applies(x: Tensor, p: float) -> bool:
    """Whether ``drop`` can: on a CPU, outside ``torch.compile`` and ``vmap``, with a p that drops some and not all."""
    return x.is_cpu and 0 < _dropped(p) < _STEPS and not traced()


def drop(x: Tensor, p: float) -> Tensor:
    """``y = x * keep / (1 - p)``; one 64-bit draw decides about four elements.

    PyTorch draws a number of its own for every element, one after the other, on one core: a sixth of a step of a
    frozen encoder, four times what is needed. Here p is rounded to a multiple of 2^-16, and the scale with it. The
    mask becomes floats once: a product with a bool tensor would convert it again in forward and in backward.
    """
    dropped = _dropped(p)
    draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    keep = draws.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - _STEPS // 2
    return x * keep.to(x.dtype).mul_(_STEPS / (_STEPS - dropped))


def _dropped(p: float) -> int:
    return round(p * _STEPS)


def use_cheaper_dropout(model: nn.Module) -> Callable[[], None]:
    """Put ``Dropout`` in place of every ``nn.Dropout`` of the model; returns what puts the model's own back."""
    replaced = [
        (parent, name, child)
        for parent in list(model.modules())
        for name, child in parent.named_children()
        if type(child) is nn.Dropout
    ]
    for parent, name, child in replaced:
        setattr(parent, name, Dropout(child.p).train(child.training))

    def undo() -> None:
        for parent, name, child in replaced:
            setattr(parent, name, child)

    return undo
