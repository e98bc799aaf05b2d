"""``sweep.plan=true``: what a sweep would do. Nothing runs, no weight is read."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from src.models.sizes import adapter_size
from src.sweep.duration import estimate, total_seconds
from src.sweep.sweep_job import SweepJob
from src.utils.errors import UserError
from src.utils.plain import branch
from src.utils.rich_text import Text

LEFT_OUT = ("hydra.",)


def print_plan(jobs: Sequence[SweepJob], folder: Path, console: Console | None = None) -> None:
    """Print a line for each job: its overrides, adapter parameters, state and estimated time; then the totals."""
    console = console or Console()
    finished = [(job, job.record()) for job in jobs if job.state() == "done"]
    common = set.intersection(*(set(job.given) for job in jobs))
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("job", "adapter", "state", "time"):
        table.add_column(column, justify="right" if column in ("adapter", "time") else "left", overflow="fold")
    total, unknown = 0.0, 0
    for job in jobs:
        state = job.state()
        seconds = total_seconds(job.record()) if state == "done" else estimate(job, finished)
        if state != "done":
            total, unknown = total + (seconds or 0), unknown + (seconds is None)
        own = [text for text in job.given if text not in common and not text.startswith(LEFT_OUT)]
        size, knob = _size(job)
        shown = "" if seconds is None else f"{'' if state == 'done' else '~'}{seconds:,.0f} s"
        table.add_row(*(Text(cell) for cell in (" ".join(own) + knob or job.name, size, state, shown)))
    if shared := [text for text in jobs[0].given if text in common and not text.startswith(LEFT_OUT)]:
        console.print(Text(f"All jobs: {' '.join(shared)}"), soft_wrap=True)
    console.print(table)
    left = sum(job.state() != "done" for job in jobs)
    time = f", about {total:,.0f} s one after the other" if left > unknown else ""
    time += f" and {unknown} whose time no finished job tells" if time and unknown else ""
    console.print(Text(f"{len(jobs)} jobs, {left} to run{time}. Nothing was run. Folder: {folder}"), soft_wrap=True)


def _size(job: SweepJob) -> tuple[str, str]:
    """The adapter's trained values, and what a budget set; in place of a number, why there is none."""
    if job.problem is not None:
        return job.problem, ""
    budget = branch(job.resolved, "budget")
    knob = f" ({budget['key']}={budget['value']})" if budget.get("key") else ""
    try:
        nodes = (branch(job.resolved, group) for group in ("model", "backbone", "data"))
        return f"{adapter_size(*nodes):,}", knob
    except UserError as error:
        return str(error).partition("\n")[0], knob
