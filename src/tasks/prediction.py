"""What a model answers for one example, as a user sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Prediction:
    """One example's answer: the class with the probabilities of all, or a number alone.

    Attributes:
        label: the answer.
        scores: probabilities by class.
        more: what else a kind says of it, by name, as values that JSON can hold.
    """

    label: str | float
    scores: dict[str, float]
    more: Mapping[str, object] = field(default_factory=dict)
