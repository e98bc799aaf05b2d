"""When the trainer calls a method's schedule."""

from typing import Any

from transformers import TrainerCallback

from src.models.schedule import Schedule


class ScheduleCallback(TrainerCallback):
    """Tells a method how long the training is, and when a step is done."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.schedule.begin(state.max_steps)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.schedule.after_step(state.global_step + 1)  # the Trainer counts the step later, without its gradients
