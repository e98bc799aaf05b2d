"""What a study's tuning has left in its file, as the report draws it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.compare.report import ArmTuning, Tuning
from src.config.rules import check_rule
from src.study.question import Question
from src.study.study_folder import TUNING
from src.tune.tune_folder import SUMMARY
from src.utils.errors import UserError
from src.utils.foreign import read_json

LARGEST = 2**26  # bytes
LIMITS = "list[float | null]"
RULES = {
    "metric": "str",
    "on_the_edge": "list[str]",
    "expected_best": "list[float] | null",
    "median_band": "map | null",
}
BAND = {"low": LIMITS, "high": LIMITS, "decided_to": "int >= 0"}


def read_tunings(folder: Path, question: Question) -> list[Tuning]:
    """The methods' trials of each task; none if nothing was tuned.

    Raises:
        UserError: if the file, which may be a stranger's, is not what a tuning writes.
    """
    file = folder / TUNING / SUMMARY
    if not file.is_file():
        return []
    fields = read_json(file, LARGEST)
    found = []
    for task in question.tasks:
        names = [name for name in question.methods if f"{task}_{name}" in fields]
        entries = {name: _checked(file, fields[f"{task}_{name}"]) for name in names}
        if entries:
            metric = next(iter(entries.values()))["metric"]
            found.append(Tuning(task, metric, [_arm(name, entry) for name, entry in entries.items()]))
    return found


def _checked(file: Path, entry: Any) -> Mapping[str, Any]:
    if not isinstance(entry, dict) or any(not check_rule(entry.get(key), rule) for key, rule in RULES.items()):
        raise UserError(f"{file} is not what a tuning writes")
    band, trials = entry["median_band"], len(entry["expected_best"] or [])
    if band is not None and not (
        _are_limits(band.get("low"), trials)
        and _are_limits(band.get("high"), trials)
        and check_rule(band.get("decided_to"), "int >= 0")
    ):
        raise UserError(f"{file} is not what a tuning writes: a band has a limit or null for each trial")
    return entry


def _are_limits(values: Any, trials: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == trials
        and all(check_rule(value, "float | null") for value in values)
    )


def _arm(method: str, entry: Mapping[str, Any]) -> ArmTuning:
    expected = entry["expected_best"] or []
    band = entry["median_band"] or {"low": [None] * len(expected), "high": [None] * len(expected), "decided_to": 0}
    return ArmTuning(method, expected, band["low"], band["high"], band["decided_to"], entry["on_the_edge"])
