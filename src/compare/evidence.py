"""What has to be computed from the runs' predictions, as plain values that a store can keep."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from src.compare.grouping import Configuration, Group
from src.compare.predictions import agreement, collapsed, group_panel
from src.compare.statistics.crossed import (
    MIN_SEEDS,
    Estimate,
    compare,
    estimate,
    resample_examples,
    seeds_only,
)
from src.compare.statistics.panel import Array, Panel
from src.config import check_rule
from src.runs.reading import Run


def values_of(entry: Configuration, metric: str) -> list[float]:
    return [_value(run, metric) for run in entry.runs]


def _value(run: Run, metric: str) -> float:
    primary = run.record.primary_metric
    value = primary.value if primary.name == metric else run.score(metric)
    return math.nan if value is None else float(value)


def statistics_of(
    group: Group, entries: Sequence[Configuration], reference: Configuration | None, resamples: int
) -> dict[str, dict[str, Any]]:
    """What has to be computed from predictions, as plain values, by label."""
    wanted = [*entries, *([reference] if reference and reference not in entries else [])]
    panel, rows, problems = group_panel(group, [run for entry in wanted for run in entry.runs])
    enough = panel is not None and any(len(entry.runs) >= MIN_SEEDS for entry in entries)
    drawn = resample_examples(panel, resamples) if panel is not None and enough else np.empty((0, 0))
    evidence = _Evidence(group.metric, panel, rows, problems, drawn, resamples)
    return {entry.label: evidence.of(entry, reference) for entry in entries}


@dataclass(frozen=True)
class _Evidence:
    """What the statistics of a group's configurations are computed from."""

    metric: str
    panel: Panel | None
    rows: Mapping[str, int]  # of the panel, by folder
    problems: Mapping[str, str]  # why a folder has no row
    drawn: Array  # (R, rows) metrics on resampled examples
    resamples: int

    def of(self, entry: Configuration, reference: Configuration | None) -> dict[str, Any]:
        own = self._panel_rows(entry.runs)
        interval = self._interval(entry, own) if len(entry.runs) >= MIN_SEEDS else None
        other = reference is not None and reference is not entry
        difference = self._difference(entry, reference) if other and reference is not None else None
        notes = [
            f"{run.name}: {self.problems[str(run.folder)]}" for run in entry.runs if str(run.folder) in self.problems
        ]
        if notes and interval:
            notes.append("interval and p over seeds alone, as predictions are missing")
        classes = self.panel.predictions[own] if self.panel is not None and self.panel.classes and own else None
        return {
            "interval": interval and asdict(interval),
            "difference": difference and asdict(difference),
            "consistency": None if classes is None else agreement(classes),
            "collapsed": None if classes is None else collapsed(classes),
            "notes": notes,
        }

    def _panel_rows(self, runs: Sequence[Run]) -> list[int]:
        """The runs' rows of the panel; none unless all have one."""
        rows = [self.rows.get(str(run.folder)) for run in runs]
        return [] if None in rows else [row for row in rows if row is not None]

    def _interval(self, entry: Configuration, own: list[int]) -> Estimate:
        values = np.array(values_of(entry, self.metric))
        if self.panel is None or not own:
            return replace(seeds_only(values), p=None, detectable=None)
        return estimate(self.panel.of(own).influence(), values, self.drawn[:, own])

    def _difference(self, entry: Configuration, reference: Configuration) -> Estimate | None:
        ours, theirs = ({run.seed: run for run in each.runs} for each in (entry, reference))
        seeds = sorted(ours.keys() & theirs.keys())
        if len(seeds) < MIN_SEEDS:
            return None
        a, b = (self._panel_rows([side[seed] for seed in seeds]) for side in (ours, theirs))
        if self.panel is not None and a and b:
            return compare(self.panel.of(a), self.panel.of(b), self.drawn[:, a] - self.drawn[:, b], self.resamples)
        own, other = (
            dict(zip((run.seed for run in each.runs), values_of(each, self.metric), strict=True))
            for each in (entry, reference)
        )
        return seeds_only(np.array([own[seed] - other[seed] for seed in seeds]))


def is_sound(computed: Mapping[str, Any]) -> bool:
    """Whether a kept result is what ``_Evidence.of`` gives: a store that was damaged costs time, and no comparison."""
    estimates = [computed.get("interval"), computed.get("difference")]
    return (
        computed.keys() == {"interval", "difference", "consistency", "collapsed", "notes"}
        and all(found is None or _is_estimate(found) for found in estimates)
        and check_rule(computed["consistency"], "0 <= float <= 1 | null")
        and check_rule(computed["collapsed"], "int >= 0 | null")
        and check_rule(computed["notes"], "list[str]")
    )


def _is_estimate(found: Any) -> bool:
    if not isinstance(found, dict) or found.keys() != {entry.name for entry in fields(Estimate)}:
        return False
    optional = ("p", "detectable")
    return all(isinstance(value, float | int) or (value is None and key in optional) for key, value in found.items())


def as_estimate(kept: Mapping[str, Any] | None) -> Estimate | None:
    return Estimate(**kept) if kept else None
