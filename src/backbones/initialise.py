"""Drawing parameters anew, as transformers draws those that a checkpoint lacks."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from src.utils.errors import UserError


def draw_anew(model: Any, names: Collection[str]) -> None:
    """Draw the named parameters from torch's global generator, as ``from_pretrained`` does with missing ones.

    Which of them are drawn is told by a mark that is private to transformers. So no other tensor stands in the model
    meanwhile, and what would be left undrawn is found out: a version that reads the mark in another way can neither
    change the encoder nor keep an old head.

    Args:
        model: a transformers model; changed in place.
        names: of its parameters; all others keep their values, whatever the library does.

    Raises:
        UserError: if the library leaves one of them undrawn.
    """
    named = {name: parameter for name, parameter in model.named_parameters() if name in names}
    if not named:
        return
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    with _others_away(model, set(map(id, named.values()))):
        tensors = [*model.parameters(), *model.buffers()]
        for tensor in tensors:
            tensor._is_hf_initialized = tensor.is_meta
        for module in model.modules():
            module._is_hf_initialized = False
        for parameter in named.values():
            parameter.detach().fill_(torch.nan)
        model.initialize_weights()
        for tensor in tensors:
            del tensor._is_hf_initialized
    if undrawn := [name for name, parameter in named.items() if parameter.isnan().any()]:
        for name, value in before.items():
            named[name].detach().copy_(value)
        raise UserError(
            f"transformers {transformers.__version__} does not draw {', '.join(undrawn[:3])} of "
            f"{type(model).__name__}, which the checkpoint lacks: this model cannot get a new head"
        )


@contextmanager
def _others_away(model: nn.Module, kept: set[int]) -> Iterator[None]:
    """Within the block the tensors that are not kept are shapes on the meta device; afterwards they are back."""
    slots: list[tuple[dict[str, Any], str, Tensor]] = []
    shapes: dict[int, Tensor] = {}  # tied tensors stay tied
    for module in model.modules():
        for own in (module._parameters, module._buffers):
            held: dict[str, Any] = own
            slots += [(held, name, t) for name, t in held.items() if t is not None and id(t) not in kept]
    for place, name, tensor in slots:
        shape = torch.empty_like(tensor, device="meta")
        if isinstance(tensor, nn.Parameter):
            shape = nn.Parameter(shape, tensor.requires_grad)
        place[name] = shapes.setdefault(id(tensor), shape)
    try:
        yield
    finally:
        for place, name, tensor in slots:
            place[name] = tensor
