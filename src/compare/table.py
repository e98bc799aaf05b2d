"""The table of runs: what each method scored and what it cost."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from src.compare.records import Run
from src.metrics.names import LOWER_IS_BETTER


def print_table(runs: Iterable[Run], where: Path | None = None, console: Console | None = None) -> None:
    """Print a table for each task and backbone, best run first, then the runs that could not be compared, and why.

    Args:
        runs: from ``find_runs``.
        where: folder to be named at the end.
        console: defaults to the terminal.
    """
    console = console or Console()
    runs = list(runs)
    comparable = sorted((run for run in runs if run.problem is None), key=lambda run: (_group(run), _rank(run)))
    for (data, backbone, metric), rows in groupby(comparable, key=_group):
        table = Table(title=Text(f"{data} on {backbone}"), box=box.SIMPLE_HEAD, title_justify="left")
        table.padding = (0, 1, 0, 0)  # so that RoBERTa's counts fit 80 columns
        for column in ("method", "seed", metric, "adapter", "head", "trainable", "train\ntime", "peak\nmemory"):
            table.add_column(Text(column), justify="left" if column == "method" else "right", no_wrap=True)
        for run in rows:
            table.add_row(*(Text(cell) for cell in _row(run)))
        console.print(table)
    if comparable:
        console.print("Scores: evaluation split, at the epoch picked by training.selection.")
        console.print("Adapter: values trained outside the head, routers among them.")
    for run in comparable:
        if flags := run.record.get("flags"):
            console.print(Text(f"take care: {run.name}: {', '.join(flags).replace('_', ' ')}"))
    for run in runs:
        if run.problem:
            console.print(Text(f"left out: {run.name}: {run.problem.splitlines()[0]}"))
    if where is not None:
        console.print(Text(f"The runs are in {where}"), soft_wrap=True)


def _group(run: Run) -> tuple[str, str, str]:
    return run.record["data"], run.record["backbone"], run.record["primary_metric"]["name"]


def _rank(run: Run) -> float:
    metric = run.record["primary_metric"]
    return metric["value"] if metric["name"] in LOWER_IS_BETTER else -metric["value"]


def _row(run: Run) -> tuple[str, ...]:
    record = run.record
    params, memory = record["params"], record["memory"]
    return (
        record["method"],
        str(record["seed"]),
        f"{record['primary_metric']['value']:.4f}",
        f"{params['adapter'] + params['router']:,}",
        f"{params['head']:,}",
        f"{100 * params['trainable'] / params['total']:.2f} %",
        f"{record['time']['train_s']:.1f} s",
        f"{memory['peak_device_mb'] or memory['peak_rss_mb']:,.0f} MB",
    )
