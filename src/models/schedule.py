"""What a method does between the optimizer's steps, whatever the method."""

from collections.abc import Mapping
from typing import Protocol


class Schedule(Protocol):
    """A method that changes itself while it is trained (by giving ranks to the layers that need them, for one)."""

    def begin(self, total_steps: int) -> None:
        """Called once before the first step, also of a training that goes on from a checkpoint."""

    def after_step(self, step: int) -> None:
        """Called after the optimizer's step number ``step`` (the first is 1), while the gradients are still there."""

    def state(self) -> dict[str, object]:
        """What the rest of the training depends on besides the model's tensors, in plain values and tensors."""

    def load_state(self, state: Mapping[str, object]) -> None:
        """Take back what ``state`` gave."""
