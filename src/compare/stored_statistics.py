"""What has to be computed from the runs' predictions, as plain values that a store can keep."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypedDict, TypeGuard

from src.compare.clusters import Clusters
from src.compare.grouping import Configuration, Group
from src.compare.predictions import agreement, collapsed, group_panel
from src.compare.statistics.crossed import ALPHA, MIN_SEEDS
from src.compare.statistics.estimate import Estimate
from src.compare.statistics.panel import Array, Panel
from src.compare.statistics.resampling import by_cluster, resample_examples
from src.compare.statistics.rows import Against, Rows, Scored
from src.compare.statistics.scales import transformation_of
from src.compare.tables import Gap
from src.config import check_rule
from src.metrics.names import greater_is_better
from src.runs.reading import Run


class OwnStatistics(TypedDict):
    """Those of a configuration that need no other; ``Row`` says what each is."""

    consistency: float | None
    collapsed: int | None
    constant: bool
    notes: list[str]


class RowStatistics(OwnStatistics):
    """Those of a configuration; ``Estimate`` and ``Row`` say what each is."""

    interval: dict[str, float] | None
    difference: dict[str, float] | None
    p_adjusted: float | None
    tied: bool | None


class Statistics(TypedDict):
    """Those of a table's rows, as JSON can hold them; ``Table`` says what each is."""

    rows: list[RowStatistics]
    level: float
    comparisons: int
    examples: int | None
    clusters: int | None
    against: dict[str, dict[str, list[float]]]


ROW, TABLE = RowStatistics.__required_keys__, Statistics.__required_keys__
MOST_BASELINES = 40  # configurations up to which differences are taken to each of them


def values_of(entry: Configuration, metric: str) -> list[float]:
    return [_value(run, metric) for run in entry.runs]


def _value(run: Run, metric: str) -> float:
    primary = run.record.primary_metric
    value = primary.value if primary.name == metric else run.score(metric)
    return math.nan if value is None else float(value)


def statistics_of(
    group: Group,
    reference: Configuration | None,
    resamples: int,
    clusters: Clusters | None = None,
    alpha: float = ALPHA,
) -> Statistics:
    """What has to be computed from predictions, as plain values; ``rows`` in the order of the configurations.

    The rows are judged together: how much seeds differ is told by all of them, and so is what a claim has to hold
    against.
    """
    entries = group.configurations
    found = group_panel(group, group.runs)
    evidence = _Evidence(group.metric, found.panel, found.rows, found.problems)
    numbers = None if clusters is None or found.index is None else clusters.numbers(found.index)
    judged = [entry for entry in entries if len(entry.runs) >= MIN_SEEDS]
    drawn = None
    if found.panel is not None and judged:
        drawn = resample_examples(found.panel, resamples, clusters=numbers)
    scored = [evidence.scored(entry, drawn, numbers) for entry in judged]
    rows = Rows(scored, transformation_of(group.metric), resamples)
    places = {entry.label: place for place, entry in enumerate(judged)}
    known = reference is not None and reference.label in places
    against = rows.against(places[reference.label], alpha) if reference is not None and known else Against()
    tied = rows.tied(not greater_is_better(group.metric)) if len(judged) > 1 else {}
    computed: list[RowStatistics] = []
    for entry in entries:
        place = places.get(entry.label, -1)
        interval, difference = rows.mean(place) if place >= 0 else None, against.estimates.get(place)
        computed.append(
            {
                "interval": None if interval is None else asdict(interval),
                "difference": None if difference is None else asdict(difference),
                "p_adjusted": against.adjusted.get(place),
                "tied": tied.get(place),
                **evidence.of(entry),
            }
        )
    return {
        "rows": computed,
        "level": against.level,
        "comparisons": len(against.estimates),
        "examples": None if found.panel is None else len(found.panel.labels),
        "clusters": None if numbers is None else int(numbers.max()) + 1,
        "against": _every_baseline(rows, judged, alpha) if len(entries) <= MOST_BASELINES else {},
    }


def _every_baseline(rows: Rows, judged: Sequence[Configuration], alpha: float) -> dict[str, dict[str, list[float]]]:
    """What the table would say with another baseline: by the baseline's label and the row's the numbers of ``Gap``."""
    found = {}
    for place, baseline in enumerate(judged):
        against = rows.against(place, alpha)
        found[baseline.label] = {
            judged[i].label: [gap.mean, gap.low, gap.high, gap.standard_error, gap.degrees, against.adjusted[i]]
            for i, gap in against.estimates.items()
        }
    return found


@dataclass(frozen=True)
class _Evidence:
    """What the statistics of a group's configurations are computed from."""

    metric: str
    panel: Panel | None
    rows: Mapping[str, int]  # of the panel, by folder
    problems: Mapping[str, str]  # why a folder has no row

    def scored(self, entry: Configuration, drawn: Array | None, clusters: Array | None) -> Scored:
        """A configuration as the statistics take it."""
        values = dict(zip((run.seed for run in entry.runs), values_of(entry, self.metric), strict=True))
        own = self._panel_rows(entry.runs)
        if self.panel is None or drawn is None or not own:
            return Scored(values)
        panel = self.panel.of(own)
        table = panel.influence()
        values = dict(zip(values, panel.values.tolist(), strict=True))
        return Scored(values, table if clusters is None else by_cluster(table, clusters), drawn[:, own].mean(1))

    def of(self, entry: Configuration) -> OwnStatistics:
        """What needs no other configuration."""
        own = self._panel_rows(entry.runs)
        notes = [
            f"{run.name}: {self.problems[str(run.folder)]}" for run in entry.runs if str(run.folder) in self.problems
        ]
        if notes and len(entry.runs) >= MIN_SEEDS:
            notes.append("interval and p over seeds alone, as predictions are missing")
        predictions = self.panel.predictions[own] if self.panel is not None and own else None
        classes = predictions if self.panel is not None and self.panel.classes else None
        return {
            "consistency": None if classes is None else agreement(classes),
            "collapsed": None if classes is None else collapsed(classes),
            "constant": predictions is not None and collapsed(predictions) == len(predictions),
            "notes": notes,
        }

    def _panel_rows(self, runs: Sequence[Run]) -> list[int]:
        """The runs' rows of the panel; none unless all have one."""
        rows = [self.rows.get(str(run.folder)) for run in runs]
        return [] if None in rows else [row for row in rows if row is not None]


def is_sound(computed: object, rows: int) -> TypeGuard[Statistics]:
    """Whether a kept result is what `statistics_of` gives: a store that was damaged costs time, and no comparison."""
    return (
        isinstance(computed, dict)
        and computed.keys() == TABLE
        and check_rule(computed["level"], "0 < float < 1")
        and check_rule(computed["comparisons"], "int >= 0")
        and check_rule(computed["examples"], "int >= 0 | null")
        and check_rule(computed["clusters"], "int >= 0 | null")
        and isinstance(computed["rows"], list)
        and len(computed["rows"]) == rows
        and all(_is_row(row) for row in computed["rows"])
        and _is_against(computed["against"])
    )


def _is_against(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    gaps = [gap for row in found.values() if isinstance(row, dict) for gap in row.values()]
    return all(isinstance(row, dict) for row in found.values()) and all(
        isinstance(gap, list) and len(gap) == len(fields(Gap)) and all(isinstance(value, float | int) for value in gap)
        for gap in gaps
    )


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and row.keys() == ROW
        and all(found is None or _is_estimate(found) for found in (row["interval"], row["difference"]))
        and check_rule(row["p_adjusted"], "0 <= float <= 1 | null")
        and check_rule(row["tied"], "bool | null")
        and check_rule(row["consistency"], "0 <= float <= 1 | null")
        and check_rule(row["collapsed"], "int >= 0 | null")
        and check_rule(row["constant"], "bool")
        and check_rule(row["notes"], "list[str]")
    )


def _is_estimate(found: Any) -> bool:
    if not isinstance(found, dict) or found.keys() != {entry.name for entry in fields(Estimate)}:
        return False
    required = ("mean", "low", "high", "standard_error", "degrees")
    return all(
        isinstance(value, float | int) or (value is None and key not in required) for key, value in found.items()
    )


def as_estimate(kept: dict[str, float] | None) -> Estimate | None:
    """An interval or difference that was kept."""
    return Estimate(**kept) if kept else None
