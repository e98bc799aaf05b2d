"""What of a job tells how long it takes, and how far it is: the same for its own sweep and for who looks on."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.runs.layout import HISTORY
from src.runs.reading import LARGEST_HISTORY
from src.runs.schema import check_line
from src.utils.files import open_regular
from src.utils.strict_json import read_json

TAIL = 4096  # bytes of a history that are read


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
    def of(cls, config: Mapping[str, Any]) -> "Outline":
        """Of a config as plain containers, or of what a record keeps of it; what is missing counts as one epoch."""
        backbone, data, training = ((config.get(group) or {}) for group in ("backbone", "data", "training"))
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
    lines = _tail(folder)
    last = next((line for line in reversed(lines) if line.get("epoch") is not None), None)
    if last is None:
        return 0.0, "starts"
    evaluations = (line for line in reversed(lines) if line.get("event") == "eval" and job.metric in line)
    score = next((line[job.metric] for line in evaluations), None)
    if job.steps:
        share, words = (last.get("step") or 0) / job.steps, f"step {last.get('step')} of {job.steps}"
    else:
        share, words = last["epoch"] / job.epochs, f"epoch {last['epoch']:.3g} of {job.epochs:g}"
    return min(share, 1.0), words + (f", {job.metric} {number(score)}" if score is not None else "")


def own_words(given: Sequence[str], common: Collection[str]) -> str:
    """What tells a job from the others of its sweep: its own overrides; empty if it has none."""
    return " ".join(text for text in given if text not in common and not text.startswith("hydra."))


def number(value: Any) -> str:
    """A score as it is shown."""
    return f"{value:.4f}" if isinstance(value, int | float) and math.isfinite(value) else "nan"


def _tail(folder: Path) -> list[dict[str, Any]]:
    """The last lines of the history; one that is being written, or was cut, is left out."""
    try:
        with open_regular(folder / HISTORY, LARGEST_HISTORY) as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            texts = file.read().splitlines()
    except OSError:
        return []
    found = []
    for text in texts:
        try:
            found.append(read_json(text))
        except ValueError:
            continue
    return [line for line in found if check_line(line, whole=False) is None]
