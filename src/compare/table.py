"""The table of runs: what each method scored and what it cost."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from src.compare.records import Run

COLUMNS = ("method", "data", "backbone", "seed", "score", "adapter", "head", "trainable", "train time", "peak memory")


def print_table(runs: Iterable[Run], where: Path | None = None, console: Console | None = None) -> None:
    """Print one row a run, best first within data and backbone, then the runs that could not be compared, and why.

    Args:
        runs: from ``find_runs``.
        where: folder to be named at the end.
        console: defaults to the terminal.
    """
    console = console or Console()
    runs = list(runs)
    table = Table(title="Runs")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("method", "data", "backbone") else "right")
    for run in sorted((run for run in runs if run.problem is None), key=_order):
        table.add_row(*(Text(cell) for cell in _row(run)))
    console.print(table)
    console.print("score: on the evaluation split, at the epoch picked by training.selection; adapter: with routers")
    for run in runs:
        if run.problem:
            console.print(Text(f"left out: {run.name}: {run.problem.splitlines()[0]}"))
    if where is not None:
        console.print(Text(f"The runs are in {where}"))


def _order(run: Run) -> tuple[str, str, float]:
    record = run.record
    return record["data"], record["backbone"], -record["primary_metric"]["value"]


def _row(run: Run) -> tuple[str, ...]:
    record = run.record
    metric, params, memory = record["primary_metric"], record["params"], record["memory"]
    flags = "".join(f" ({flag.replace('_', ' ')})" for flag in record.get("flags", []))
    peak = memory["peak_device_mb"] or memory["peak_rss_mb"]
    return (
        record["method"] + flags,
        record["data"],
        record["backbone"],
        str(record["seed"]),
        f"{metric['value']:.4f} {metric['name']}",
        f"{params['adapter'] + params['router']:,}",
        f"{params['head']:,}",
        f"{100 * params['trainable'] / params['total']:.2f} %",
        f"{record['time']['train_s']:.1f} s",
        f"{peak:,.0f} MB",
    )
