"""A method's size on shapes alone, for methods that look at the values of what they adapt, too."""

import copy
from collections.abc import Callable

import torch
from torch import nn


def adapted_without_weights(model: nn.Module, adapt: Callable[[nn.Module], object]) -> nn.Module:
    """A copy of a model on torch's meta device, adapted.

    Where a method asks a tensor for its values (to draw places, to permute), the copy has zeros, which take memory only
    once somebody writes into them.

    Args:
        model: on the meta device; it stays as it is.
        adapt: changes a model in place.

    Raises:
        RuntimeError: if the method makes nothing of zeros either.
    """
    shapes = copy.deepcopy(model)
    try:
        with torch.device("meta"):
            adapt(shapes)
        return shapes
    except (RuntimeError, NotImplementedError):
        zeros = copy.deepcopy(model)
        zeros._apply(lambda tensor: torch.zeros(tensor.shape, dtype=tensor.dtype))
        adapt(zeros)
        return zeros
