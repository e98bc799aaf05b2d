"""Low-rank factors as sums of Kronecker products, for the two ways that LSR couples them."""

from typing import Literal

import torch
from torch import Tensor

Coupling = Literal["product_of_sums", "sum_of_products"]


def down(coupling: Coupling, a1: Tensor, a2: Tensor) -> Tensor:
    """``sum_t A1_t (x) A2_t``, or the products one below the other where the sum comes after them.

    Args:
        coupling: product_of_sums or sum_of_products.
        a1: A1, (t, r, m).
        a2: A2, (t, r, n).

    Returns:
        (r^2, m n), or (t r^2, m n) for a sum of products.
    """
    made = torch.einsum(f"tia,tjb->{_rank(coupling)}ab", a1, a2)
    return made.reshape(-1, a1.shape[-1] * a2.shape[-1])


def up(coupling: Coupling, b1: Tensor, b2: Tensor) -> Tensor:
    """``sum_t B1_t (x) B2_t``, or the products side by side: (t, m, r), (t, n, r) -> (m n, r^2 or t r^2).

    Dense are its columns, as down's rows are: otherwise every value would be permuted, here and in backward.
    """
    return down(coupling, b1.mT.contiguous(), b2.mT.contiguous()).T


def down_and_up(coupling: Coupling, a1: Tensor, a2: Tensor, b1: Tensor, b2: Tensor) -> tuple[Tensor, Tensor]:
    return down(coupling, a1, a2), up(coupling, b1, b2)


def _rank(coupling: Coupling) -> str:
    return "ij" if coupling == "product_of_sums" else "tij"
