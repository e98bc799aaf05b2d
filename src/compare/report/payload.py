"""What the report's scripts draw from, as plain values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from src.compare.grouping import SHARED
from src.compare.present.learning_curves import TIME_TITLE, learning_curves
from src.compare.published import Published, published_rows
from src.compare.sensitivity import sweeps
from src.compare.settings import settings_of
from src.compare.tables import Comparison, Row, Table
from src.plotting.axes import zero_log
from src.runs.reading import Run, read_again
from src.utils.paths import named_from

ADAPTER = "model.adapter."  # the adapter's own hyperparameters come first in a tooltip, without this
MOST_LINES = 14  # of a tooltip
WITHOUT_CONFIG = {"adapter": "adapter_config", "training": "training"}  # what an imported run tells of its config
ENVIRONMENT = ("versions", "git", "hardware")
RESULTS = ("primary_metric", "metrics", "epochs", "params", "time", "memory", "adapter_bytes", "flags")
FINGERPRINTS = ("started", "config_hash", "data_fingerprint", "backbone_fingerprint", "batches_fingerprint", "rows")


def payload(comparison: Comparison, with_published: bool, below: Path) -> dict[str, object]:
    """Points, curves and records of all tables. What many runs share is stored once, in ``parts``.

    Args:
        comparison: from ``compare_runs``.
        with_published: add what papers report.
        below: the report's folder; runs beneath it are named from there.
    """
    runs = read_again(folder for table in comparison.tables for row in table.rows for folder in row.folders)
    parts = Parts()
    ids = {folder: index for index, folder in enumerate(runs)}
    return {
        "groups": [_group(table, runs, ids, with_published) for table in comparison.tables],
        "runs": [_run(run, parts, below) for run in runs.values()],
        "parts": parts.values,
    }


class Parts:
    """Values by number, equal ones once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: object) -> int:
        """The number under which the value is kept."""
        key = repr(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]


def _group(table: Table, runs: Mapping[str, Run], ids: Mapping[str, int], with_published: bool) -> dict[str, Any]:
    others = published_rows(table) if with_published else []
    labels = {row.label: index for index, row in enumerate(table.rows)}
    curves = learning_curves(table, runs)
    return {
        "title": table.title,
        "metric": table.metric,
        "lower": table.lower_is_better,
        "baseline": table.baseline,
        "margin": table.margin,
        "alpha": table.alpha,
        "against": _against(table),
        "rows": [_row(row, runs, ids) for row in table.rows],
        "costs": _costs(table, runs, others),
        "published": [_published(other) for other in others],
        "curves": [asdict(curve) | {"row": labels[curve.label]} for curve in curves],
        "timeTitle": TIME_TITLE,
        "sweeps": [
            {
                "name": sweep.name,
                "log": sweep.log,
                "values": sweep.values,
                "series": [
                    {
                        "method": series.method,
                        "points": [[value, labels[row.label]] for value, row in series.points],
                        "best": [[value, labels[row.label]] for value, row in series.best],
                    }
                    for series in sweep.series
                ],
            }
            for sweep in sweeps(table)
        ],
    }


def _row(row: Row, runs: Mapping[str, Run], ids: Mapping[str, int]) -> dict[str, Any]:
    first = runs[row.folders[0]]
    return {
        "label": row.label,
        "method": row.method,
        "mean": row.mean,
        "interval": row.interval and [row.interval.low, row.interval.high],
        "tied": row.tied,
        "hover": [*_scores(row), *_configuration(first)],
        "runs": [ids[folder] for folder in row.folders],
    }


def _scores(row: Row) -> list[str]:
    seeds = f"{len(row.seeds)} seed{'s' * (len(row.seeds) > 1)}"
    found = f"{row.mean:.4f} ({seeds})"
    if row.interval:
        found = f"{row.mean:.4f} [{row.interval.low:.4f}, {row.interval.high:.4f}] ({seeds})"
    return [found, f"{row.adapter + row.router:,} adapter parameters"]


def _configuration(run: Run) -> list[str]:
    """Hyperparameters of the adapter, then the rest that a list has room for."""
    kept = settings_of(run).items()
    found = {key: value for key, value in kept if value is not None and not key.startswith(SHARED)}
    keys = sorted(found, key=lambda key: (not key.startswith(ADAPTER), key))
    lines = [f"{key.removeprefix(ADAPTER)} = {str(found[key])[:60]}" for key in keys]
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], f"… {len(lines) - MOST_LINES + 1} more"]


def _against(table: Table) -> list[list[tuple[float, ...] | None]]:
    """By baseline and row the numbers of ``Gap``, both in the order of the rows; those of a row to itself are null."""
    return [
        [astuple(gap) if (gap := own.get(row.label)) else None for row in table.rows]
        for own in (table.against.get(baseline.label, {}) for baseline in table.rows)
    ]


def _costs(table: Table, runs: Mapping[str, Run], others: Sequence[Published]) -> dict[str, Any]:
    """What a score is drawn against: for each row a place, and where its seeds differ the least and the most."""
    parameters = [row.adapter + row.router for row in table.rows]
    axis = zero_log([*parameters, *(other.parameters for other in others)])
    return {
        "parameters": {"x": axis.positions[: len(parameters)], "others": axis.positions[len(parameters) :],
                       "ticks": axis.ticks, "edges": axis.edges, "zero": axis.zero},
        "time": {"x": [row.train_s for row in table.rows],
                 "range": [_range([runs[folder].train_s for folder in row.folders]) for row in table.rows]},
        "memory": {"x": [row.peak_mb for row in table.rows],
                   "range": [_range([runs[folder].peak_mb for folder in row.folders]) for row in table.rows]},
    }  # fmt: skip


def _range(values: Sequence[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    return [min(known), max(known)] if len(known) > 1 and len(known) == len(values) else None


def _published(other: Published) -> dict[str, Any]:
    spread = "" if other.deviation is None else f" ± {other.deviation:.4f}"
    lines = [f"{other.score:.4f}{spread}", f"{other.parameters:,} parameters", other.source, other.protocol]
    return {"label": other.method, "score": other.score, "deviation": other.deviation, "hover": lines}


def _run(run: Run, parts: Parts, below: Path) -> dict[str, Any]:
    """A run's record in sections: title, number of the part."""
    record = run.record.content
    config = run.record.config.content or {key: record.get(name) for key, name in WITHOUT_CONFIG.items()}
    sections: list[tuple[str, Any]] = [("result", _chosen(record, RESULTS))]
    sections += [(f"config: {name}", value if isinstance(value, Mapping) else {name: value})
                 for name, value in config.items()]  # fmt: skip
    sections += [(name, record.get(name)) for name in ENVIRONMENT]
    sections.append(("fingerprints", _chosen(record, FINGERPRINTS)))
    kept = [[title, parts.number(value)] for title, value in sections if value not in (None, {})]
    return {"folder": named_from(below, run.folder), "name": run.name, "seed": run.seed, "sections": kept}


def _chosen(record: Mapping[str, object], names: Iterable[str]) -> dict[str, object]:
    return {name: record[name] for name in names if record.get(name) is not None}
