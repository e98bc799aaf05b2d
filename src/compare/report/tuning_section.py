"""What a tuning has shown, as the page draws it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ArmTuning:
    """One method's trials.

    Attributes:
        method: its name, by which it is drawn.
        expected: the best held-out score expected of 1, 2 .. trials; empty where the trials are no independent draws.
        low: of a 95 % band for the median of the best; None where the trials set no limit. ``high`` likewise.
        decided_to: trials up to which the band has a limit towards better scores.
        edges: where the winner lies on the edge of what was searched, a sentence each.
    """

    method: str
    expected: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]
    decided_to: int
    edges: Sequence[str]


@dataclass(frozen=True)
class Tuning:
    """The methods of one task."""

    task: str
    metric: str
    arms: Sequence[ArmTuning]

    @property
    def edges(self) -> list[str]:
        """What lies on an edge, by method."""
        return [f"{arm.method}: {edge}" for arm in self.arms for edge in arm.edges]

    @property
    def drawn(self) -> bool:
        """Whether there is a curve to draw."""
        return any(len(arm.expected) > 1 for arm in self.arms)
