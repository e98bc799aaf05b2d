"""What of a job tells how long it takes, and how far it is: the same for its own sweep and for who looks on."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.runs.history_reading import last_lines
from src.utils.plain import branch


@dataclass(frozen=True)
class Outline:
    """A job's size.

    Attributes:
        backbone: in one spelling, so that it can be held against another job's.
        data: the task's name.
        metric: its primary metric.
        epochs: of the training.
        steps: of the training, where these bound it instead of the epochs.
    """

    backbone: str
    data: str
    metric: str
    epochs: float
    steps: int | None

    @classmethod
    def of(cls, config: Mapping[str, object]) -> "Outline":
        """Of a config as plain containers, or of what a record keeps of it; what is missing counts as one epoch."""
        backbone, data, training = (branch(config, group) for group in ("backbone", "data", "training"))
        steps, epochs = training.get("max_steps"), training.get("num_train_epochs")
        return cls(
            json.dumps([backbone.get(key) for key in ("name", "path", "revision")]),
            str(data.get("name")),
            str(data.get("primary_metric")),
            float(epochs) if isinstance(epochs, int | float) and epochs > 0 else 1.0,
            steps if isinstance(steps, int) and steps > 0 else None,
        )

    @property
    def work(self) -> float:
        """Steps or epochs: what of two jobs alike tells which takes longer."""
        return float(self.steps or self.epochs)


def position(folder: Path, job: Outline) -> tuple[float, str]:
    """The share of its training that a job has behind it, and that in words with the newest score."""
    lines = last_lines(folder)
    last = next((line for line in reversed(lines) if line.epoch is not None), None)
    if last is None or last.epoch is None:
        return 0.0, "starts"
    evaluations = (line for line in reversed(lines) if line.event == "eval" and job.metric in line.values)
    score = next((line.number(job.metric) for line in evaluations), None)
    if job.steps:
        share, words = (last.step or 0) / job.steps, f"step {last.step} of {job.steps}"
    else:
        share, words = last.epoch / job.epochs, f"epoch {last.epoch:.3g} of {job.epochs:g}"
    return min(share, 1.0), words + (f", {job.metric} {number(score)}" if score is not None else "")


def own_words(given: Sequence[str], common: Collection[str]) -> str:
    """What tells a job from the others of its sweep: its own overrides; empty if it has none."""
    return " ".join(text for text in given if text not in common and not text.startswith("hydra."))


def number(value: float | None) -> str:
    """A score as it is shown."""
    return f"{value:.4f}" if value is not None and math.isfinite(value) else "nan"
