"""What ``history.jsonl`` tells over the course of a training."""

from typing import Any

from src.runs.reading import Run, read_history


def diagnostics(runs: dict[str, Run]) -> list[dict[str, Any]]:
    """The diagnostics of each run that logged any: per quantity its values, beside steps and epochs."""
    found = []
    for label, run in runs.items():
        lines = [line for line in read_history(run.folder, strict=True) if line.get("event") == "diagnostics"]
        if lines:
            names = sorted({name for line in lines for name in line} - {"event", "step", "epoch"})
            found.append({"run": label} | {key: [line.get(key) for line in lines] for key in ("step", "epoch", *names)})
    return found
