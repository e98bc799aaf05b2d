"""Splitting a layer's size into two Kronecker factors."""

import math


def balanced_factors(size: int) -> tuple[int, int]:
    """The two factors of size closest to its square root, larger first: 768 -> (32, 24)."""
    smaller = next(f for f in range(math.isqrt(size), 0, -1) if size % f == 0)
    return size // smaller, smaller


def all_factors(size: int) -> list[tuple[int, int]]:
    """Every ordered pair of positive integers with the product size."""
    return [(size // f, f) for f in range(1, size + 1) if size % f == 0]


def choose_factors(name: str, size: int, given: int | tuple[int, int] | list[int] | None) -> tuple[int, int]:
    """Turn a user's choice into the pair of factors of size.

    Args:
        name: the option's name, for the message.
        size: in_features or out_features.
        given: None for the balanced pair, the pair itself, or its first number.

    Raises:
        ValueError: if the factors do not multiply to size; the message lists the pairs that do.
    """
    if given is None:
        return balanced_factors(size)
    if isinstance(given, int):
        given = (given, size // given if given > 0 else 0)
    pair = tuple(given)
    if pair not in (valid := all_factors(size)):
        choices = ", ".join(f"{a}x{b}" for a, b in valid)
        product = math.prod(pair)
        raise ValueError(
            f"{name}={list(pair)} multiplies to {product}, but the layer's size is {size}; valid pairs: {choices}"
        )
    return pair
