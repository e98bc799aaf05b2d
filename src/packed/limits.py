"""What the user allows a pack, in ``conf/hydra/launcher/packed.yaml``."""

from dataclasses import dataclass

from src.utils.errors import UserError


@dataclass(frozen=True)
class Limits:
    """Bounds of a pack.

    Attributes:
        max_jobs: jobs at once, at most; None for as many as the memory holds.
        memory_share: of the free memory, how much may be filled.
        measure: time the first steps packed and one by one, and go on with what is faster.

    Raises:
        UserError: on a value out of range.
    """

    max_jobs: int | None = None
    memory_share: float = 0.8
    measure: bool = True

    def __post_init__(self) -> None:
        if self.max_jobs is not None and self.max_jobs < 1:
            raise UserError(f"hydra.launcher.max_jobs={self.max_jobs}: a number >= 1, or null for what fits")
        if not 0 < self.memory_share <= 1:
            raise UserError(f"hydra.launcher.memory_share={self.memory_share} breaks the rule 0 < memory_share <= 1")
