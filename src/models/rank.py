"""Ranks that no layer can use."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from src.models.inject import match_targets
from src.utils.errors import UserError

log = logging.getLogger(__name__)

# The key that is a rank, where a method of the peft library has one: elsewhere its `r` means something else.
_PEFT = {"peft.LoraConfig": "r", "peft.LoHaConfig": "r", "peft.AdaLoraConfig": "init_r"}


def check_rank(node: Mapping[str, Any], encoder: nn.Module, exclude: Collection[str]) -> None:
    """Refuse a rank above ``min(in_features, out_features)`` of every adapted layer; warn if it is above that of some.

    An update has no higher rank than its layer's smaller side: beyond it there is only memory to lose.

    Args:
        node: the method's, with its hyperparameters.
        encoder: that the targets are in.
        exclude: names that are no target.

    Raises:
        UserError: naming the largest rank of use.
    """
    target = str(node["_target_"])
    key = _PEFT.get(target) if target.startswith("peft.") else "r"
    rank, targets = node.get(key or ""), node.get("target_modules")
    if not isinstance(rank, int) or not targets:
        return
    try:
        linears: list[Any] = [encoder.get_submodule(name) for name in match_targets(encoder, targets, exclude)]
    except UserError:  # what adapts them says so itself; the peft library also adapts embeddings
        return
    sides = [min(linear.in_features, linear.out_features) for linear in linears]
    if rank > max(sides):
        raise UserError(f"{key}={rank} breaks the rule {key} <= {max(sides)}: no adapted layer's update has more ranks")
    if narrow := sum(side < rank for side in sides):
        log.warning("%s=%d is more than %d of the %d adapted layers can use", key, rank, narrow, len(sides))
