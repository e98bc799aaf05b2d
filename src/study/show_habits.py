"""``study NAME habits``: what common habits would have claimed from the same runs."""

from pathlib import Path

from src.config.rules import check_rule
from src.study.evidence import read_evidence
from src.study.habits import RATE, best_epoch, one_seed, shared_rate
from src.study.locked_plan import Plan, read_plan
from src.study.study_folder import TUNING
from src.study.study_report import judged_rows
from src.utils.foreign import read_json
from src.utils.terminal import say

LARGEST = 2**26  # bytes
RULES = {"params": "map", "holdout": "float | null"}  # of a trial


def show_habits(folder: Path) -> None:
    """Print, for each task, what one seed, the best epoch, and one learning rate for all would have made of the study.

    Raises:
        UserError: if the folder holds no study, or nothing has run.
    """
    plan = read_plan(folder)
    judged = judged_rows(plan, read_evidence(folder), folder)
    trials = _trials(plan, folder)
    for task, own in judged.items():
        lower = own[0].table.lower_is_better
        found = [one_seed(plan.question, own), best_epoch(own), shared_rate(trials.get(task, {}), lower)]
        for sentence in found:
            if sentence is not None:
                say(f"{task}: {sentence}.")


def _trials(plan: Plan, folder: Path) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """By task and method the learning rate and held-out score of each finished trial, as a stranger's file has them."""
    file = folder / TUNING / "tune.json"
    if not file.is_file():
        return {}
    fields = read_json(file, LARGEST)
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for task in plan.question.tasks:
        for method in plan.question.methods:
            arm = fields.get(f"{task}_{method}")
            entries = arm.get("trials") if isinstance(arm, dict) else None
            for trial in entries if isinstance(entries, list) else ():
                if not isinstance(trial, dict) or any(not check_rule(trial.get(key), RULES[key]) for key in RULES):
                    continue
                rate, score = trial["params"].get(RATE), trial["holdout"]
                if score is not None and check_rule(rate, "float > 0"):
                    found.setdefault(task, {}).setdefault(method, []).append((float(rate), float(score)))
    return found
