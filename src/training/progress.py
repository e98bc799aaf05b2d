"""One progress bar a run, on a terminal: what trains on what, epoch, loss and the newest score."""

from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from tqdm.auto import tqdm
from transformers import TrainerCallback


class ProgressBar(TrainerCallback):
    """A bar over optimizer steps.

    Args:
        title: what is written before the bar.
        metric: name of the metric shown after each evaluation.
        split: its split.
    """

    def __init__(self, title: str, metric: str, split: str) -> None:
        self.title, self.key, self.metric = title, f"eval_{split}_{metric}", metric
        self.bar: tqdm | None = None
        self.shown: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self.bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                desc=self.title,
                unit="step",
                dynamic_ncols=True,
                mininterval=0.5,
                disable=None,  # where there is no terminal; the log has a line an epoch
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        logs = logs or {}
        if self.bar is not None and "loss" in logs:
            self._show(loss=f"{logs['loss']:.3f}")

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        if self.bar is not None and self.key in metrics:
            self._show(epoch=f"{state.epoch:.0f}", **{self.metric: f"{metrics[self.key]:.4f}"})

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.close()

    def _show(self, **values: str) -> None:
        assert self.bar is not None
        self.shown |= values
        self.bar.set_postfix(self.shown, refresh=False)


def one_of_many() -> bool:
    """Whether this run is a job of a sweep, which shows the progress of all."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
