"""What ``history.jsonl`` tells over the course of a training."""

from collections.abc import Mapping
from typing import Any

from src.runs.history_reading import read_history
from src.runs.reading import Run


def diagnostics(runs: Mapping[str, Run]) -> list[dict[str, Any]]:
    """The diagnostics of each run that logged any: per quantity its values, beside steps and epochs."""
    found = []
    for label, run in runs.items():
        lines = [line for line in read_history(run.folder, strict=True) if line.event == "diagnostics"]
        if lines:
            when = {"step": [line.step for line in lines], "epoch": [line.epoch for line in lines]}
            names = sorted({name for line in lines for name in line.values})
            found.append({"run": label, **when} | {name: [line.values.get(name) for line in lines] for name in names})
    return found
