"""Ranks that no layer can use."""

import logging
from collections.abc import Collection
from typing import Any

from torch import nn

from src.models.inject import match_targets
from src.models.method import Method
from src.utils.errors import UserError

log = logging.getLogger(__name__)


def check_rank(method: Method, encoder: nn.Module, exclude: Collection[str]) -> None:
    """Refuse a rank above ``min(in_features, out_features)`` of every adapted layer; warn if it is above that of some.

    An update has no higher rank than its layer's smaller side: beyond it there is only memory to lose.

    Args:
        method: with its hyperparameters.
        encoder: that the targets are in.
        exclude: names that are no target.

    Raises:
        UserError: naming the largest rank of use.
    """
    key, targets = method.rank_key, method.target_modules
    rank = method.hyperparameters.get(key or "")
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
