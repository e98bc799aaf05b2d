"""A random generator whose draws are the same on every Python version.

Python promises that for `Random.random` alone, not for `choice`, `shuffle` or `sample`; so those are built on it here
(which is also three times as fast).
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Random draws from a seed string."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed).random

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.random() < probability

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.random() * len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different items, in random order."""
        left = list(items)
        return [left.pop(int(self.random() * len(left))) for _ in range(count)]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One of the keys, by weight."""
        point = self.random() * sum(weights.values())
        for item, weight in weights.items():
            point -= weight
            if point < 0:
                return item
        return item
