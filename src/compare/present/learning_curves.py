"""Learning curves: a configuration's score after each evaluation, its seeds taken together."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from src.compare.comparison import mean_or_none
from src.compare.tables import Row, Table
from src.runs.history_reading import read_history
from src.runs.reading import Run

# A history holds steps, not times: a step's time is its share of the whole.
TIME_TITLE = "training time in s (estimated: train time * step / last step)"


@dataclass(frozen=True)
class Curve:
    """One configuration's curve; ``low`` and ``high`` are the lowest and the highest seed."""

    label: str
    method: str
    steps: list[int]
    seconds: list[float | None]
    mean: list[float]
    low: list[float]
    high: list[float]
    seeds: int


def learning_curves(table: Table, runs: Mapping[str, Run]) -> list[Curve]:
    """The curves of those rows that have any, in the order of the rows.

    Args:
        table: whose metric and split are drawn.
        runs: by folder.
    """
    curves = (_curve(row, table, runs) for row in table.rows)
    return [curve for curve in curves if curve]


def _curve(row: Row, table: Table, runs: Mapping[str, Run]) -> Curve | None:
    at: dict[int, list[tuple[float, float | None]]] = defaultdict(list)
    seeds = 0
    for folder in row.folders:
        points, last = _points(Path(folder), table.metric, str(table.fixed["split"]))
        seconds = runs[folder].train_s
        seeds += bool(points)
        for step, value in points.items():
            at[step].append((value, None if seconds is None else seconds * step / last))
    # Where a seed has no value the mean would jump for a reason that is not training.
    steps = sorted(step for step, values in at.items() if len(values) == seeds)
    if not steps:
        return None
    values = [[value for value, _ in at[step]] for step in steps]
    return Curve(
        label=row.label,
        method=row.method,
        steps=steps,
        seconds=[mean_or_none([second for _, second in at[step]]) for step in steps],
        mean=[fmean(found) for found in values],
        low=[min(found) for found in values],
        high=[max(found) for found in values],
        seeds=seeds,
    )


def _points(folder: Path, metric: str, split: str) -> tuple[dict[int, float], int]:
    """The metric by step, and the last step that the history knows of."""
    points: dict[int, float] = {}
    last = 0
    for line in read_history(folder):
        step, value = line.step, line.number(metric)
        if step is None or step < 1:
            continue
        last = max(last, step)
        wanted = line.event == "eval" and line.split == split
        if wanted and value is not None and math.isfinite(value):
            points[step] = float(value)
    return points, last
