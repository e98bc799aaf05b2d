"""A published table, row by row, from a file of columns: method, seed or n, score, sd, examples."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from src.utils.errors import UserError

LARGEST_TABLE = 100_000  # rows of a file
NEEDED = ("method", "score")
KNOWN = (*NEEDED, "task", "metric", "seed", "n", "sd", "examples")


@dataclass(frozen=True)
class Entry:
    """One row of a published table.

    Attributes:
        method: its name there.
        score: the mean over its runs, as printed.
        seeds: how many runs that is.
        deviation: the runs' standard deviation (n - 1 in the denominator); None if not printed, or of one run.
        examples: that each run was judged on.
    """

    method: str
    score: float
    seeds: int
    deviation: float | None
    examples: int


@dataclass(frozen=True)
class PublishedTable:
    """The rows of one task, judged by one metric; ``unit`` is 100 where scores are in percent, else 1."""

    task: str
    metric: str
    unit: int
    entries: tuple[Entry, ...]


def read_csv(path: Path, examples: int | None = None) -> tuple[list[PublishedTable], list[str]]:
    """A table for each task of the file.

    Args:
        path: .csv, .tsv, .jsonl or .parquet with the columns ``method`` and ``score``; ``seed`` where a row is one
            run, else ``n`` (runs; 1 where there is no such column) and ``sd``; ``examples``; ``task``; ``metric``.
        examples: of all rows, instead of a column.

    Returns:
        The tables, and the names of the columns that are not read.

    Raises:
        UserError: for a column that is missing, a value that is none, or a row that stands there twice.
    """
    from src.data.sources.table_files import read_table  # takes a second to import

    found = read_table(path)
    columns = found.values
    _check_columns(path, columns, examples)
    size = len(columns["method"])
    if size > LARGEST_TABLE:
        raise UserError(f"{path} has {size:,} rows, and at most {LARGEST_TABLE:,} are read")
    rows = [{name: columns[name][number] for name in KNOWN if name in columns} for number in range(size)]
    by_task: dict[tuple[str, str], dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for number, row in enumerate(rows):
        of_task = by_task[str(row.get("task") or ""), str(row.get("metric") or "accuracy")]
        of_task[str(row["method"])].append({**row, "where": found.place(number)})
    tables = [
        make_table(task, metric, (_entry(method, own, examples) for method, own in methods.items()))
        for (task, metric), methods in by_task.items()
    ]
    return tables, [name for name in columns if name not in KNOWN]


def make_table(task: str, metric: str, entries: Iterable[Entry]) -> PublishedTable:
    """The table of one task, whose scores are percent if any of them is above 1.

    Raises:
        UserError: for fewer than two rows, or a score beyond 100.
    """
    rows = tuple(entries)
    where = f"{task or 'the table'}: "
    if len(rows) < 2:
        raise UserError(f"{where}{len(rows)} row; a comparison needs two at least")
    largest = max(abs(row.score) for row in rows)
    if largest > 100:
        raise UserError(f"{where}the score {largest:g} is neither a share nor percent")
    return PublishedTable(task, metric, 100 if largest > 1 else 1, rows)


def _check_columns(path: Path, columns: Mapping[str, Any], examples: int | None) -> None:
    if missing := [name for name in NEEDED if name not in columns]:
        raise UserError(
            f"{path} has no column {missing[0]}; it has: {', '.join(columns)}; needed are method and score, known "
            f"besides: {', '.join(name for name in KNOWN if name not in NEEDED)}"
        )
    if "examples" not in columns and examples is None:
        raise UserError(f"{path} has no column examples: --examples N says how many each run was judged on")
    if "seed" in columns and ("n" in columns or "sd" in columns):
        raise UserError(f"{path} has both seed (a row is one run) and n or sd (a row is a mean over runs)")


def _entry(method: str, rows: list[Mapping[str, Any]], examples: int | None) -> Entry:
    """One method's row; of a file with seeds the mean and the spread of its runs."""
    first = rows[0]
    sizes = {examples or _whole(row, "examples", 2) for row in rows}
    if len(sizes) > 1:
        raise UserError(f"{first['where']}: {method} was judged on {' and '.join(map(str, sorted(sizes)))} examples")
    if "seed" in first:
        seeds = [str(row["seed"]) for row in rows]
        if twice := {seed for seed in seeds if seeds.count(seed) > 1}:
            raise UserError(f"{first['where']}: {method} has the seed {min(twice)} twice")
        scores = [_number(row, "score") for row in rows]
        return Entry(method, fmean(scores), len(scores), stdev(scores) if len(scores) > 1 else None, sizes.pop())
    if len(rows) > 1:
        raise UserError(f"{rows[1]['where']}: {method} stands there twice; the column seed tells runs apart")
    runs = _whole(first, "n", 1) if _given(first, "n") else 1
    deviation = _number(first, "sd") if _given(first, "sd") else None
    if deviation is not None and (deviation < 0 or runs < 2):
        raise UserError(
            f"{first['where']}: sd={deviation:g} of n={runs}: a spread is positive and of two runs at least"
        )
    return Entry(method, _number(first, "score"), runs, deviation, sizes.pop())


def _given(row: Mapping[str, Any], name: str) -> bool:
    return str(row.get(name) if row.get(name) is not None else "").strip() != ""


def _number(row: Mapping[str, Any], name: str) -> float:
    try:
        value = float(str(row[name]).strip())
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{row['where']}: {name}={row[name]!r} is no number")
    return value


def _whole(row: Mapping[str, Any], name: str, least: int) -> int:
    value = _number(row, name)
    if value != int(value) or value < least:
        raise UserError(f"{row['where']}: {name}={row[name]!r} is no whole number from {least} up")
    return int(value)
