"""``study NAME plan``: what a study would do, how long it would take, and what it would be able to show."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from src.study.cost import Cost, runs_of
from src.study.power import DISAGREE, detectable, needed
from src.study.question import Question
from src.study.study_arms import StudyArm
from src.utils.rich_text import Text


def print_plan(question: Question, arms: Sequence[StudyArm], costs: Mapping[str, Cost]) -> None:
    """Print the question, the arms with their time, the totals, and the power of each task.

    Args:
        question: the study's.
        arms: all of them.
        costs: what a run of each takes, by the arm's name.
    """
    console = Console()
    console.print(Text(f"{question.name}: {question.question}"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("task", "method", "a run", "known from"):
        table.add_column(column, justify="right" if column == "a run" else "left", overflow="fold")
    for arm in arms:
        cost = costs[arm.name]
        baseline = " (baseline)" if arm.method == question.baseline else ""
        table.add_row(*map(Text, (arm.task, f"{arm.method}{baseline}", f"{cost.seconds:,.0f} s", cost.source)))
    console.print(table)
    for line in plan_lines(question, arms, costs):
        console.print(Text(line), soft_wrap=True)


def plan_lines(question: Question, arms: Sequence[StudyArm], costs: Mapping[str, Cost]) -> list[str]:
    """The totals and the power, a sentence each."""
    first, most = runs_of(question, arms)
    looks = ", ".join(map(str, question.looks))
    a_run = sum(costs[arm.name].seconds for arm in arms)
    trials, seeds = f"{question.trials} trials", f"{_span(question.looks[0], question.looks[-1])} seeds"
    tuned = question.trials * question.tuning["share"]
    hours = [(tuned + count) * a_run / 3600 for count in (question.looks[0], question.looks[-1])]
    lines = [
        f"{_span(first, most)} runs ({trials} and {seeds} for each of {len(arms)} arms), about {_hours(hours)} one "
        "after the other.",
        f"Looks after {looks} seeds; a task's table keeps {question.level:.0%} over {len(question.looks)} "
        f"look{'s' * (len(question.looks) > 1)} and {len(question.methods) - 1} comparisons with {question.baseline}. "
        f"Margin {question.margin:g}.",
    ]
    comparisons = len(question.methods) - 1
    for task in question.tasks:
        examples = max(costs[arm.name].examples for arm in arms if arm.task == task)
        smallest = detectable(examples, comparisons, question.level)
        enough = needed(question.margin, comparisons, question.level)
        equal = "are enough" if examples >= enough else f"are too few, about {enough:,} are needed,"
        lines.append(
            f"{task}, {examples:,} examples: differences from about {smallest:.3f} on would be shown with 80 % power, "
            f"and the examples {equal} to show that two methods are equivalent within {question.margin:g} (if they "
            f"disagree on {DISAGREE:.0%} of the examples, and seeds do not vary)."
        )
    return lines


def _span(first: int, most: int) -> str:
    return f"{first:,}" if first == most else f"{first:,} to {most:,}"


def _hours(hours: Sequence[float]) -> str:
    texts = [f"{value * 60:.0f} minutes" if value < 1.5 else f"{value:.1f} hours" for value in hours]
    return texts[0] if texts[0] == texts[-1] else " to ".join((texts[0], texts[-1]))
