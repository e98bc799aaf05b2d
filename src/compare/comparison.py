"""From run records to an honest comparison: who is better at what, and is the difference real?"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

from src.compare.baseline import choose_baseline
from src.compare.beside.across.across_tasks import across_tasks
from src.compare.beside.section import Section
from src.compare.clusters import Clusters, clusters_of
from src.compare.grouping import Configuration, Group, group_runs
from src.compare.pareto import on_front
from src.compare.pscp import pscp
from src.compare.statistics.crossed import ALPHA, MIN_SEEDS
from src.compare.stored_statistics import RowStatistics, Statistics, as_estimate, is_sound, statistics_of, values_of
from src.compare.tables import Comparison, Gap, Matrix, Row, Table
from src.compare.verdicts import power, with_verdicts
from src.compare.verified import verified
from src.compare.warnings import collapse_notes, table_warnings
from src.metrics.names import greater_is_better
from src.runs.reading import Run
from src.runs.store import VERSION, Store
from src.utils.errors import UserError
from src.utils.text import shown_path

RESAMPLES = 10_000
MANY = 20  # configurations beyond which there are fewer resamples, so that large comparisons stay quick
LEAST = 1_000


@dataclass(frozen=True)
class Options:
    """What a comparison is asked, see `compare_runs`."""

    baseline: str | Set[str] | None
    margin: float | None
    clusters: Clusters | None
    alpha: float
    store: Store | None


def compare_runs(
    runs: Sequence[Run],
    baseline: str | Set[str] | None = None,
    metric: str | None = None,
    resamples: int | None = None,
    store: Store | None = None,
    margin: float | None = None,
    clusters: Clusters | None = None,
    beside: Sequence[Callable[[Group, Table], Section | None]] = (),
    alpha: float = ALPHA,
) -> Comparison:
    """Compare runs.

    Args:
        runs: from ``find_runs``.
        baseline: label or method that differences are taken to, or its runs' folders; default: the configuration that
            trains everything, if there is one, else the one with the best held-out score.
        metric: instead of each task's primary metric.
        resamples: joint draws of examples and seeds; default 10,000, fewer for more than 20 configurations.
        store: keeps results between calls.
        margin: the difference, in the metric's unit, up to which two configurations count as equivalent.
        clusters: what the examples are parts of; None asks the runs' own data (``data.cluster``).
        beside: what else is made of each group and its table; see ``src.compare.beside``.
        alpha: chance of a false claim in a table; what its simultaneous intervals leave out.

    Raises:
        UserError: if no group has the baseline, no run the metric, or an example no cluster.
    """
    runs = verified(runs, store)
    left_out = [(shown_path(run.folder), run.problem) for run in runs if run.problem]
    comparable = [run for run in runs if not run.problem]
    if metric:
        comparable, without = _with_metric(comparable, metric)
        left_out += [(shown_path(run.folder), f"has no metric {metric}") for run in without]
    groups, older = group_runs(comparable, metric)
    left_out += [(shown_path(run.folder), reason) for run, reason in older]
    if isinstance(baseline, str):
        _check_baseline(groups, baseline)
    size = sum(len(group.configurations) for group in groups)
    resamples = resamples or (RESAMPLES if size <= MANY else max(LEAST, RESAMPLES * MANY // size))
    options = Options(baseline, margin, clusters, alpha, store)
    tables = [_table(group, options, resamples) for group in groups]
    pairs = list(zip(groups, tables, strict=True))
    sections = [found for group, table in pairs for make in beside if (found := make(group, table)) is not None]
    runs_compared = sum(len(group.runs) for group in groups)
    return Comparison(tables, matrices(tables), left_out, runs_compared, [*sections, *across_tasks(tables)])


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


def _table(group: Group, options: Options, resamples: int) -> Table:
    lower = not greater_is_better(group.metric)
    reference, rule = choose_baseline(group, options.baseline, options.store)
    computed = _computed(group, reference, resamples, options)
    pairs = zip(group.configurations, computed["rows"], strict=True)
    rows = [_row(entry, group.metric, found) for entry, found in pairs]
    label = reference.label if reference and len(rows) > 1 else None
    rows = with_verdicts(rows, label, options.margin, lower, options.alpha)
    rows.sort(key=lambda row: (row.mean if lower else -row.mean, row.adapter + row.router, row.label))
    front = on_front([(row.adapter + row.router, row.mean if lower else -row.mean) for row in rows])
    costs = pscp(rows) if not lower else [None] * len(rows)
    rows = [replace(row, pareto=f, pscp=cost) for row, f, cost in zip(rows, front, costs, strict=True)]
    shown, margin = power(rows, options.alpha)
    return Table(
        fixed=group.fixed,
        metric=group.metric,
        lower_is_better=lower,
        baseline=label,
        baseline_rule=rule if label else None,
        resamples=resamples,
        examples=computed["examples"],
        clusters=computed["clusters"],
        learned=not all(found["constant"] for found in computed["rows"]),
        alpha=options.alpha,
        level=computed["level"],
        comparisons=computed["comparisons"],
        margin=options.margin,
        detectable=shown,
        smallest_margin=margin,
        warnings=table_warnings(rows, label, group.metric),
        rows=rows,
        against={
            baseline: {row: Gap(*numbers) for row, numbers in found.items()}
            for baseline, found in computed["against"].items()
        },
    )


def _computed(group: Group, reference: Configuration | None, resamples: int, options: Options) -> Statistics:
    """The statistics of a group, kept or new: one result for the whole table, whose rows are judged together."""
    store = options.store
    key = _key(group, reference, resamples, options)
    known = store.results([key]).get(key) if store else None
    if is_sound(known, len(group.configurations)):
        return known
    computed = statistics_of(group, reference, resamples, clusters_of(group, options.clusters), options.alpha)
    if store:
        store.keep_results({key: computed})
    return computed


def _key(group: Group, reference: Configuration | None, resamples: int, options: Options) -> str:
    entries = [[[str(run.folder), run.stamp] for run in entry.runs] for entry in group.configurations]
    place = group.configurations.index(reference) if reference else None
    clusters = options.clusters and options.clusters.digest
    parts = [VERSION, "table", 2, group.metric, resamples, place, entries, clusters, options.alpha]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _row(entry: Configuration, metric: str, computed: RowStatistics) -> Row:
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
        p_adjusted=computed["p_adjusted"],
        p_equivalent=None,
        equivalence=None,
        verdict=None,
        beyond=None,
        tied=computed["tied"],
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
        notes=[*few, *flags, *collapse_notes(computed["collapsed"], len(runs)), *_code_notes(runs), *computed["notes"]],
    )


def _code_notes(runs: Sequence[Run]) -> list[str]:
    versions = {run.record.identity.get("code") for run in runs}
    several = f"its seeds come from {len(versions)} versions of the code, torch or transformers"
    return [f"{several}; what changed between them is part of the spread"] if len(versions) > 1 else []


def mean_or_none(values: Sequence[object]) -> float | None:
    """The mean of values that are all numbers."""
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return fmean(numbers) if len(numbers) == len(values) else None


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
