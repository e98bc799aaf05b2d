"""How a sweep ended: counts and reasons."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from src.sweep.sweep_job import Outcome, SweepJob
from src.utils.rich_text import Text


def print_summary(jobs: Sequence[SweepJob], outcomes: Sequence[Outcome]) -> None:
    """A line with the counts, one for every job that ended badly, one for each reason to skip jobs."""
    console = Console()
    counts: Counter[str] = Counter(outcome.status for outcome in outcomes)
    shown = ", ".join(f"{counts[status]} {status}" for status in ("ok", "failed", "interrupted", "skipped"))
    console.print(Text(f"\n{len(jobs)} jobs: {shown}"), soft_wrap=True)
    for job, outcome in zip(jobs, outcomes, strict=True):
        if outcome.status in ("failed", "interrupted"):
            console.print(Text(f"  {outcome.status}: {job.name}: {outcome.reason}"), soft_wrap=True)
    skipped = Counter(outcome.reason for outcome in outcomes if outcome.status == "skipped" and outcome.reason)
    for reason, count in skipped.items():
        console.print(Text(f"  {count} skipped: {reason}"), soft_wrap=True)
