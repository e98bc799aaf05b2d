"""How long a study will take: from its finished runs, else from a few steps of each method."""

import logging
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.config.overrides import prepare_override
from src.runs.reading import Run, find_runs
from src.runs.run_record import RunRecord
from src.study.question import Question
from src.study.study_arms import StudyArm
from src.sweep.compose import Composer, task_config

log = logging.getLogger(__name__)

STEPS = 8  # of a timed run: the first are slower, and the median is what counts


@dataclass(frozen=True)
class Cost:
    """What one run of an arm takes.

    Attributes:
        seconds: in all.
        examples: that it is judged on.
        source: where this is known from.
    """

    seconds: float
    examples: int
    source: str


def cost_of(arm: StudyArm, compose: Composer, folder: Path) -> Cost:
    """From the arm's finished runs in the study's folder, by the median; else from ``STEPS`` steps of training.

    Raises:
        UserError: if the arm cannot be trained.
    """
    done = sorted(_finished(arm, folder))
    if done:
        return Cost(*done[len(done) // 2], f"{len(done)} finished runs")
    return _timed(arm, compose)


def _finished(arm: StudyArm, folder: Path) -> list[tuple[float, int]]:
    """Seconds and examples of each finished run of the arm's method on the arm's task."""
    config = arm.config
    runs = find_runs([folder]) if folder.is_dir() else []
    return [
        (run.record.time.total_s, _examples(run))
        for run in runs
        if run.problem is None
        and run.record.time.total_s is not None
        and run.record.data == config.data.name
        and run.record.config.model.name == config.model.name
    ]


def _examples(run: Run) -> int:
    return run.record.rows.get(run.record.primary_metric.split or "", 0)


@contextmanager
def _without_its_log() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def _timed(arm: StudyArm, compose: Composer) -> Cost:
    """Train a few steps in a folder that is thrown away, and count what a whole run has more of them."""
    from src.training.run import run_job  # needs torch

    cfg = task_config(compose([*arm.overrides, prepare_override(f"training.max_steps={STEPS}")]))
    log.info("timing %d steps of %s", STEPS, arm.name)
    with tempfile.TemporaryDirectory(prefix="peft-verdict-plan-") as folder, _without_its_log():
        run_job(cfg, Path(folder))
        (run,) = find_runs([Path(folder)])
    return Cost(_whole(run.record, arm.config), _examples(run), f"{STEPS} timed steps")


def _whole(record: RunRecord, config: Any) -> float:
    """Seconds of a whole run: what a short one took besides its steps, and as many steps and evaluations as it has."""
    time, training = record.time, config.training
    batch = training.per_device_train_batch_size * training.get("gradient_accumulation_steps", 1)
    each = max(1, math.ceil(record.rows.get("train", 0) / batch))
    given = training.get("max_steps", -1)
    steps = given if given > 0 else each * training.num_train_epochs
    evaluations = max(1, math.ceil(steps / each))
    evaluation = time.eval_s or 0.0
    other = max((time.total_s or 0.0) - (time.train_s or 0.0) - evaluation, 0.0)
    return other + steps * (time.step_ms_median or 0.0) / 1000 + evaluations * evaluation


def runs_of(question: Question, arms: Sequence[StudyArm]) -> tuple[int, int]:
    """How many runs the plan asks for at its first look, and at most; trials among them."""
    trials = len(arms) * question.trials
    return trials + len(arms) * question.looks[0], trials + len(arms) * question.looks[-1]
