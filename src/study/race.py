"""A race before a study: every method trains once, for a part of its epochs; what is clearly behind is dropped.

It is judged by held-out training rows alone, with seeds that no later run has: the evidence is not touched by it.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from src.metrics.names import greater_is_better
from src.runs.run_record import RunRecord
from src.study.laps import Lap
from src.study.question import Question
from src.study.study_arms import StudyArm, shortened
from src.study.study_folder import RACE
from src.sweep.compose import Composer
from src.sweep.sweep import finish, make_jobs, raise_unless_finished
from src.training.selection import HOLDOUT

log = logging.getLogger(__name__)

ERRORS = 2.0  # standard errors behind the best from which on a method is clearly behind
FACTOR = 1.5  # of an error, which has no such scale


def race(
    question: Question, arms: Sequence[StudyArm], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig
) -> dict[str, Lap]:
    """Train every arm for a share of its epochs; the baseline goes on whatever it shows.

    Returns:
        A lap for each arm, by its name.

    Raises:
        UserError: if a run failed or is left unfinished.
    """
    batch = {arm.name: [*arm.overrides, shortened(arm, question.race["share"]), f"seed={cfg.seed}"] for arm in arms}
    jobs = {name: make_jobs([overrides], compose, folder / RACE)[0] for name, overrides in batch.items()}
    outcomes = finish(list(jobs.values()), launcher, cfg.sweep)
    raise_unless_finished([job.name for job in jobs.values()], [outcomes[job.name] for job in jobs.values()], "laps")
    laps: dict[str, Lap] = {}
    tasks: dict[str, list[StudyArm]] = defaultdict(list)
    for arm in arms:
        tasks[arm.task].append(arm)
    for own in tasks.values():
        laps |= judge(question, own, {arm.name: _score(arm, jobs[arm.name].record()) for arm in own})
    for name, lap in laps.items():
        log.info("%s: held out %s%s", name, lap.score, f", dropped: {lap.dropped}" if lap.dropped else "")
    return laps


def _score(arm: StudyArm, record: RunRecord) -> tuple[float | None, int]:
    """The held-out score and on how many rows."""
    return record.scores(HOLDOUT).get(arm.config.data.primary_metric), record.rows.get(HOLDOUT, 0)


def judge(question: Question, arms: Sequence[StudyArm], scores: dict[str, tuple[float | None, int]]) -> dict[str, Lap]:
    """Which arms of a task go on.

    A score is clearly behind if it is ``2 sqrt(2 p (1 - p) / n)`` below the best one p, on n held-out rows: the
    difference of two shares, as if their errors had nothing in common. An error (mse) is if it is half as large again.
    """
    metric = arms[0].config.data.primary_metric
    better = greater_is_better(metric)
    known = {name: score for name, (score, _) in scores.items() if score is not None and math.isfinite(score)}
    best = (max if better else min)(known.values(), default=None)
    order = sorted(known, key=lambda name: -known[name] if better else known[name])
    baseline = {arm.name for arm in arms if arm.method == question.baseline}
    kept = [name for name in order if name not in baseline][: question.race["most"]]
    laps = {}
    for arm in arms:
        score, rows = scores[arm.name]
        reason = None
        if arm.name not in baseline:
            if arm.name not in known or best is None:
                reason = "it learned nothing that can be scored"
            elif _behind(known[arm.name], best, rows, better):
                reason = f"clearly behind the best, {best:.4f}"
            elif arm.name not in kept:
                reason = f"{question.race['most']} others are ahead"
        laps[arm.name] = Lap(score, reason)
    return laps


def _behind(score: float, best: float, rows: int, better: bool) -> bool:
    if not better:
        return score > FACTOR * best
    share = min(max(best, 0.05), 0.95)
    return score < best - ERRORS * math.sqrt(2 * share * (1 - share) / max(rows, 1))
