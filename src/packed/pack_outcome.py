"""How a pack ended."""

from dataclasses import dataclass

from src.sweep.sweep_job import Outcome


@dataclass(frozen=True)
class PackOutcome(Outcome):
    """How a pack ended, and each of its jobs."""

    outcomes: tuple[Outcome | None, ...] = ()
