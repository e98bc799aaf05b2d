"""How a sweep ended: counts, reasons, the table."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from src.sweep.job import Outcome, SweepJob


def print_summary(jobs: Sequence[SweepJob], outcomes: Sequence[Outcome]) -> None:
    """One line with the counts, and one for every job that did not end well."""
    console = Console()
    counts: Counter[str] = Counter(outcome.status for outcome in outcomes)
    shown = ", ".join(f"{counts[status]} {status}" for status in ("ok", "failed", "interrupted", "skipped"))
    console.print(Text(f"\n{len(jobs)} jobs: {shown}"), soft_wrap=True)
    for job, outcome in zip(jobs, outcomes, strict=True):
        if outcome.status != "ok" and outcome.reason:
            console.print(Text(f"  {outcome.status}: {job.name}: {outcome.reason}"), soft_wrap=True)
