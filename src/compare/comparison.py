"""From run records to an honest comparison: who is better at what, and is the difference real?"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean, pstdev
from typing import Any

from src.compare.evidence import as_estimate, is_sound, statistics_of, values_of
from src.compare.grouping import Configuration, Group, group_runs
from src.compare.pareto import on_front
from src.compare.pscp import pscp
from src.compare.statistics.crossed import (
    MIN_SEEDS,
    Estimate,
    affordable,
    holm,
)
from src.compare.verified import verified
from src.metrics.names import greater_is_better
from src.runs.reading import Run
from src.runs.store import VERSION, Store
from src.utils.errors import UserError
from src.utils.text import shown_path

RESAMPLES = 10_000
MANY = 20  # configurations beyond which there are fewer resamples, so that large comparisons stay quick
LEAST = 1_000


@dataclass(frozen=True)
class Row:
    """One configuration, its seeds taken together.

    Attributes:
        values: the metric at the selected epoch, per seed of ``seeds``.
        mean: over seeds; ``interval`` is its estimate where there are at least three seeds.
        best: mean over seeds at each run's best epoch, as most papers report; ``last`` at the last epoch.
        difference: to the baseline, paired by seed; None for the baseline itself and for fewer than three common seeds.
        p_adjusted: its p after Holm's adjustment over the group's differences.
        consistency: share of examples on which all seeds agree.
        collapsed: number of seeds that predict one class throughout.
        pareto: no other configuration scores at least as well with at most as many adapter parameters.
        notes: why something is missing, and what calls for care.
    """

    label: str
    long_label: str
    method: str
    varied: dict[str, Any]
    seeds: list[int]
    folders: list[str]
    values: list[float]
    mean: float
    deviation: float
    interval: Estimate | None
    best: float | None
    last: float | None
    difference: Estimate | None
    p_adjusted: float | None
    adapter: int
    router: int
    head: int
    trainable: int
    total: int
    adapter_bytes: float | None
    train_s: float | None
    samples_per_s: float | None
    peak_mb: float | None
    consistency: float | None
    collapsed: int | None
    pareto: bool
    pscp: float | None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """A group: what is held fixed, the baseline's label, and the rows, best first."""

    fixed: dict[str, Any]
    metric: str
    lower_is_better: bool
    baseline: str | None
    resamples: int
    rows: list[Row]

    @property
    def title(self) -> str:
        return f"{self.fixed['data']} on {self.fixed['backbone']}"


@dataclass(frozen=True)
class Matrix:
    """Configurations against tasks; ``average`` is None where a task is missing, or where no average makes sense."""

    backbone: str
    tasks: list[str]
    lower_is_better: list[bool]
    rows: list[tuple[str, list[float | None], float | None]]


@dataclass(frozen=True)
class Comparison:
    """Everything there is to show. ``left_out`` maps run folders to the reason."""

    tables: list[Table]
    matrices: list[Matrix]
    left_out: list[tuple[str, str]]
    runs: int

    @property
    def folders(self) -> int:
        """What was found: run folders, and entries that could not be looked into."""
        return self.runs + len(self.left_out)

    @property
    def total(self) -> str:
        """How many folders there are and what became of them, as in "7 folders: 6 runs, 1 left out"."""
        folders = f"{self.folders:,} folder{'s' * (self.folders != 1)}"
        return f"{folders}: {self.runs:,} run{'s' * (self.runs != 1)}, {len(self.left_out):,} left out"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"folders": self.folders, "total": self.total}


def compare_runs(
    runs: Sequence[Run],
    baseline: str | None = None,
    metric: str | None = None,
    resamples: int | None = None,
    store: Store | None = None,
) -> Comparison:
    """Compare runs.

    Args:
        runs: from ``find_runs``.
        baseline: label or method that differences are taken to; default: the configuration that trains everything, if
            there is one, else the best.
        metric: instead of each task's primary metric.
        resamples: of the bootstrap and the permutation test; default 10,000, fewer for more than 20 configurations
            and for more than 100,000 examples.
        store: keeps results between calls.

    Raises:
        UserError: if no group has the baseline, or no run the metric.
    """
    runs = verified(runs, store)
    left_out = [(shown_path(run.folder), run.problem) for run in runs if run.problem]
    comparable = [run for run in runs if not run.problem]
    if metric:
        comparable, without = _with_metric(comparable, metric)
        left_out += [(shown_path(run.folder), f"has no metric {metric}") for run in without]
    groups, older = group_runs(comparable, metric)
    left_out += [(shown_path(run.folder), reason) for run, reason in older]
    if baseline:
        _check_baseline(groups, baseline)
    size = sum(len(group.configurations) for group in groups)
    resamples = resamples or (RESAMPLES if size <= MANY else max(LEAST, RESAMPLES * MANY // size))
    tables = [_table(group, baseline, resamples, store) for group in groups]
    return Comparison(tables, matrices(tables), left_out, sum(len(group.runs) for group in groups))


def _with_metric(runs: Sequence[Run], metric: str) -> tuple[list[Run], list[Run]]:
    having = [run for run in runs if run.score(metric) is not None]
    if runs and not having:
        names = sorted({name for run in runs for name in run.record.scores()})
        raise UserError(f"--metric {metric}: no run has it; choices: {', '.join(names)}")
    return having, [run for run in runs if run not in having]


def _check_baseline(groups: Sequence[Group], baseline: str) -> None:
    names = {
        name for group in groups for entry in group.configurations for name in (entry.label, entry.method)
    }  # fmt: skip
    if baseline not in names:
        raise UserError(f"--baseline {baseline}: no such method or configuration; choices: {', '.join(sorted(names))}")


def _table(group: Group, baseline: str | None, resamples: int, store: Store | None) -> Table:
    lower = not greater_is_better(group.metric)
    resamples = affordable(resamples, _examples(group))
    scores = {entry.label: fmean(values_of(entry, group.metric)) for entry in group.configurations}
    reference = _baseline(group, baseline, scores, lower)
    keys = {entry.label: _key(entry, reference, group.metric, resamples) for entry in group.configurations}
    known = store.results(list(keys.values())) if store else {}
    computed = {label: known[key] for label, key in keys.items() if key in known and is_sound(known[key])}
    if len(computed) < len(keys):
        missing = [entry for entry in group.configurations if entry.label not in computed]
        fresh = statistics_of(group, missing, reference, resamples)
        computed |= fresh
        if store:
            store.keep_results({keys[label]: value for label, value in fresh.items()})
    rows = [_row(entry, group.metric, computed[entry.label]) for entry in group.configurations]
    rows.sort(key=lambda row: (row.mean if lower else -row.mean, row.adapter + row.router, row.label))
    front = on_front([(row.adapter + row.router, row.mean if lower else -row.mean) for row in rows])
    costs = pscp(rows) if not lower else [None] * len(rows)
    rows = [replace(row, pareto=f, pscp=cost) for row, f, cost in zip(rows, front, costs, strict=True)]
    label = reference.label if reference and len(rows) > 1 else None
    return Table(group.fixed, group.metric, lower, label, resamples, _adjusted(rows))


def _examples(group: Group) -> int:
    """How many the group's runs were judged on, as far as their records tell."""
    runs = [run for entry in group.configurations for run in entry.runs]
    return max(run.record.rows.get(group.fixed["split"]) or 0 for run in runs)


def _baseline(group: Group, wanted: str | None, scores: Mapping[str, float], lower: bool) -> Configuration | None:
    """The configuration of that label; else the best of that method, or of those that train everything, or of all."""
    entries = group.configurations
    exact = [entry for entry in entries if entry.label == wanted]
    named = exact or [entry for entry in entries if entry.method == wanted]
    if wanted and not named:
        return None
    candidates = named or [entry for entry in entries if entry.runs[0].trains_everything] or list(entries)
    best = min if lower else max
    return best(candidates, key=lambda entry: scores[entry.label])


def _key(entry: Configuration, reference: Configuration | None, metric: str, resamples: int) -> str:
    runs = [*entry.runs, None, *(reference.runs if reference and reference is not entry else ())]
    parts = [[str(run.folder), run.stamp] if run else None for run in runs]
    return hashlib.sha256(json.dumps([VERSION, metric, resamples, parts]).encode()).hexdigest()


def _row(entry: Configuration, metric: str, computed: Mapping[str, Any]) -> Row:
    runs = entry.runs
    values = values_of(entry, metric)
    first = runs[0].params
    flags = [f"seed {run.seed}: {flag.replace('_', ' ')}" for run in runs for flag in run.record.flags]
    few = [] if len(runs) >= MIN_SEEDS else [f"{len(runs)} seed{'s' * (len(runs) > 1)}: no claim"]
    return Row(
        label=entry.label,
        long_label=entry.long_label,
        method=entry.method,
        varied=entry.varied,
        seeds=[run.seed for run in runs],
        folders=[str(run.folder) for run in runs],
        values=values,
        mean=fmean(values),
        deviation=pstdev(values) * (len(values) / max(len(values) - 1, 1)) ** 0.5,
        interval=as_estimate(computed["interval"]),
        best=mean_or_none([run.score(metric, "best") for run in runs]),
        last=mean_or_none([run.score(metric, "last") for run in runs]),
        difference=as_estimate(computed["difference"]),
        p_adjusted=None,
        adapter=first.adapter,
        router=first.router,
        head=first.head,
        trainable=first.trainable,
        total=first.total,
        adapter_bytes=mean_or_none([run.record.adapter_bytes for run in runs]),
        train_s=mean_or_none([run.train_s for run in runs]),
        samples_per_s=mean_or_none([run.samples_per_s for run in runs]),
        peak_mb=mean_or_none([run.peak_mb for run in runs]),
        consistency=computed["consistency"],
        collapsed=computed["collapsed"],
        pareto=False,
        pscp=None,
        notes=[*few, *flags, *_code_notes(runs), *computed["notes"]],
    )


def _code_notes(runs: Sequence[Run]) -> list[str]:
    versions = {run.record.identity.get("code") for run in runs}
    several = f"its seeds come from {len(versions)} versions of the code, torch or transformers"
    return [f"{several}; what changed between them is part of the spread"] if len(versions) > 1 else []


def mean_or_none(values: Sequence[Any]) -> float | None:
    """The mean of values that are all numbers."""
    return fmean(map(float, values)) if all(isinstance(value, int | float) for value in values) else None


def _adjusted(rows: list[Row]) -> list[Row]:
    claims = [row for row in rows if row.difference and row.difference.p is not None]
    adjusted = dict(zip((row.label for row in claims), holm([row.difference.p for row in claims]), strict=True))  # type: ignore[misc, union-attr]
    return [replace(row, p_adjusted=adjusted.get(row.label)) for row in rows]


def matrices(tables: Sequence[Table]) -> list[Matrix]:
    """A method x task matrix for every backbone that was run on several tasks.

    A task's best-filled table stands for it, so that no two protocols share a column. The average is over rows
    without a gap, and there is none where a metric is an error, of which less is better.
    """
    by_backbone: dict[tuple[str, str], dict[str, Table]] = defaultdict(dict)
    for table in tables:
        tasks = by_backbone[table.fixed["backbone"], table.fixed["backbone fingerprint"]]
        task = table.fixed["data"]
        if task not in tasks or len(table.rows) > len(tasks[task].rows):
            tasks[task] = table
    return [_matrix(backbone, tasks) for (backbone, _), tasks in sorted(by_backbone.items()) if len(tasks) > 1]


def _matrix(backbone: str, tasks: Mapping[str, Table]) -> Matrix:
    names = sorted(tasks)
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for task in names:
        for row in tasks[task].rows:
            scores[row.long_label][task] = row.mean
    averaged = not any(tasks[task].lower_is_better for task in names)
    rows: list[tuple[str, list[float | None], float | None]] = []
    for label, found in scores.items():
        complete = averaged and len(found) == len(names)
        rows.append((label, [found.get(task) for task in names], fmean(found.values()) if complete else None))
    rows.sort(key=lambda row: (row[2] is None, -(row[2] or 0), row[0]))
    return Matrix(backbone, names, [tasks[task].lower_is_better for task in names], rows)
