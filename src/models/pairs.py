"""The two factors of a low-rank update, for optimizers that treat them otherwise than other parameters."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Pair:
    """``dW = scaling * up @ down``.

    Attributes:
        names: of down and up in the model.
        down: A, (r, in_features).
        up: B, (out_features, r).
        scaling: of the product.
    """

    names: tuple[str, str]
    down: nn.Parameter
    up: nn.Parameter
    scaling: float
