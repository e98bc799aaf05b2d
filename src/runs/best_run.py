"""The run that is taken where a folder above runs is given: the best by what was held out of its training rows."""

from dataclasses import dataclass
from pathlib import Path

from src.metrics.names import greater_is_better
from src.runs.folders import find_folders
from src.runs.layout import RESULT
from src.runs.reading import Run, find_runs
from src.utils.errors import UserError
from src.utils.text import shown_path

HOLDOUT = "holdout"


@dataclass(frozen=True)
class Best:
    """The best of several runs.

    Attributes:
        folder: its own.
        metric: by which it is the best.
        score: its held-out one.
        count: how many runs it is the best of.
    """

    folder: Path
    metric: str
    score: float
    count: int

    @property
    def words(self) -> str:
        """Which it is, and by what."""
        return (
            f"the best of {self.count} runs by {self.metric} on rows held out of train, {self.score:.4f}: "
            f"{shown_path(self.folder)}"
        )


def is_above_runs(folder: Path) -> bool:
    """Whether a folder is no run itself, and holds some."""
    return folder.is_dir() and not (folder / RESULT).exists() and next(find_folders([folder], RESULT), None) is not None


def best_run(folder: Path) -> Best:
    """The best finished run below a folder, by its held-out score; of equal ones the first by its path.

    The scores on the evaluation split have no part in it: they stay an estimate for the run that is taken.

    Raises:
        UserError: if no run has a held-out score, or they are of several tasks.
    """
    runs = [run for run in find_runs([folder]) if run.problem is None]
    judged = [(run, score) for run in runs if (score := _held_out(run)) is not None]
    if not judged:
        raise UserError(
            f"{folder}: none of its {len(runs)} finished runs has a score on held-out rows (training.selection=holdout "
            "makes one); name the run to be used"
        )
    tasks = sorted({(str(run.record.data), run.record.primary_metric.name) for run, _ in judged})
    if len(tasks) > 1:
        told = ", ".join(f"{task} ({metric})" for task, metric in tasks)
        raise UserError(
            f"{folder} holds runs of several tasks, {told}, whose scores say nothing of each other; name one run"
        )
    metric = tasks[0][1]
    best = (max if greater_is_better(metric) else min)(judged, key=lambda entry: entry[1])
    return Best(best[0].folder, metric, best[1], len(judged))


def _held_out(run: Run) -> float | None:
    return run.score(run.record.primary_metric.name, HOLDOUT)
