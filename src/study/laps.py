"""What an arm has shown in a study's race."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lap:
    """What an arm has shown in the race.

    Attributes:
        score: the metric on the held-out rows.
        dropped: why it goes no further; None if it does.
    """

    score: float | None
    dropped: str | None
