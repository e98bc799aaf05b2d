"""What ``history.jsonl`` tells over the course of a training."""

import json
from pathlib import Path
from typing import Any

from src.compare.records import Run
from src.errors import UserError
from src.training.record import HISTORY


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's history; none if it has no such file (an imported run).

    Raises:
        UserError: if a line is not JSON.
    """
    path = folder / HISTORY
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        return [json.loads(line) for line in lines if line.strip()]
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def diagnostics(runs: dict[str, Run]) -> list[dict[str, Any]]:
    """The diagnostics of each run that logged any: per quantity its values, beside steps and epochs."""
    found = []
    for label, run in runs.items():
        lines = [line for line in read_history(run.folder) if line.get("event") == "diagnostics"]
        if lines:
            names = sorted({name for line in lines for name in line} - {"event", "step", "epoch"})
            found.append({"run": label} | {key: [line.get(key) for line in lines] for key in ("step", "epoch", *names)})
    return found
