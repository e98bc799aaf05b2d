"""A run folder that a command is given, before anything of it is loaded."""

from pathlib import Path
from typing import Any

from src.config import check_rule
from src.config.rules import show
from src.runs.layout import RESULT
from src.runs.reading import find_runs, read_run
from src.utils.errors import UserError
from src.utils.text import shown_path

# What is used of a record here; of an imported run it says less.
RULES = {
    "data": "str | null",
    "text": "list[str] | null",
    "max_length": "int >= 1 | null",
    "tasks": "list[str] | map | null",
    "training": "map | null",
    "training.precision": "fp32 | bf16 | fp16 | null",
}


def open_run(path: str | Path) -> tuple[Path, dict[str, Any]]:
    """A finished run's folder and record, the model not yet loaded; raises UserError if it is none."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    if not (folder / RESULT).exists():
        below = [shown_path(run.folder) for run in find_runs([folder]) if run.problem is None]
        hint = f"; runs below it: {', '.join(below[:5])}{' ...' if len(below) > 5 else ''}" if below else ""
        raise UserError(f"{folder} is not a run: it holds no {RESULT}{hint}")
    run = read_run(folder)
    if run.record.get("status") != "ok":  # none at all where the record breaks the schema
        raise UserError(f"{shown_path(folder)} cannot be used: {run.problem}")
    if tasks := run.record.get("tasks"):
        raise UserError(
            f"{folder} has a head for each of {', '.join(tasks)}; only runs of one task can be deployed yet"
        )
    _check(folder / RESULT, run.record)
    return folder, run.record


def _check(file: Path, record: dict[str, Any]) -> None:
    for key, rule in RULES.items():
        group, _, field = key.rpartition(".")
        value = ((record.get(group) or {}) if group else record).get(field)
        if not check_rule(value, rule) or (key == "text" and value is not None and not 1 <= len(value) <= 2):
            raise UserError(f"{file}: {key}={show(value)} breaks the rule: {rule}")
