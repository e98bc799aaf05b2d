"""What the trials of an arm scored, on held-out rows and on the dev set."""

import math
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from src.runs.reading import load_record
from src.runs.schema import RecordError
from src.tune.arm import SPENT, Arm
from src.tune.method_statistics import Scores


def trial_scores(arm: Arm, folder: Path) -> Scores | None:
    """The spent trials' scores in order; one that failed has the worst that was seen.

    Args:
        arm: one whose trials were not pruned.
        folder: of the trials' runs.

    Returns:
        None if a finished trial's run is gone: its dev score was nowhere else.
    """
    held_out, dev = [], []
    for trial in arm.trials():
        if trial.state not in SPENT:
            continue
        finished = trial.state == TrialState.COMPLETE
        score = _dev_score(trial, folder) if finished else None
        if finished and score is None:
            return None
        held_out.append(trial.value if finished else None)
        dev.append(score)
    return Scores(_filled(held_out, arm.lower_is_better), _filled(dev, arm.lower_is_better))


def _dev_score(trial: FrozenTrial, folder: Path) -> float | None:
    try:
        return load_record(folder / str(trial.user_attrs.get("folder"))).primary_metric.value
    except (RecordError, FileNotFoundError):
        return None


def _filled(scores: list[float | None], lower_is_better: bool) -> list[float]:
    known = [score for score in scores if score is not None]
    worst = (max if lower_is_better else min)(known, default=math.nan)
    return [worst if score is None else score for score in scores]
