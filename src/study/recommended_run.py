"""The run to use of a study: of the recommended method's runs the best by what was held out of training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.metrics.names import greater_is_better
from src.runs.reading import Run, find_runs
from src.study.answer import Judged, recommended
from src.study.evidence import read_evidence
from src.study.locked_plan import read_plan
from src.study.study_report import judged_rows
from src.utils.errors import UserError
from src.utils.text import shown_path

HOLDOUT = "holdout"


@dataclass(frozen=True)
class Recommended:
    """The run to use.

    Attributes:
        folder: its own.
        method: that the study recommends.
        count: how many runs of it there are.
    """

    folder: Path
    method: str
    count: int

    @property
    def words(self) -> str:
        """Which it is, and why."""
        return (
            f"the study recommends {self.method}; of its {self.count} runs the best on rows held out of train: "
            f"{shown_path(self.folder)}"
        )


def recommended_run(folder: Path) -> Recommended:
    """The run of a study with one task.

    Raises:
        UserError: if the study has no answer yet, or one for each of several tasks.
    """
    plan, evidence = read_plan(folder), read_evidence(folder)
    judged = judged_rows(plan, evidence, folder)
    found = {task: _of_task(recommended(plan.question, own), own) for task, own in judged.items()}
    if not found:
        raise UserError(f"{folder}: the study has no answer yet; python -m src study runs it")
    if len(found) > 1:
        named = "".join(f"\n  {task}: {shown_path(own.folder)} ({own.method})" for task, own in found.items())
        raise UserError(f"{folder} answers for several tasks; name the run of one:{named}")
    return next(iter(found.values()))


def _of_task(chosen: Judged, judged: Sequence[Judged]) -> Recommended:
    runs = find_runs([Path(name) for name in chosen.row.folders])
    sign = 1 if greater_is_better(judged[0].table.metric) else -1
    return Recommended(max(runs, key=lambda run: _held_out(run, sign)).folder, chosen.method, len(runs))


def _held_out(run: Run, sign: int) -> float:
    score = run.score(run.record.primary_metric.name, HOLDOUT)
    return float("-inf") if score is None else sign * float(score)
