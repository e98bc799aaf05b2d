"""``study NAME report``: the answer first, then the table, then where the whole report is."""

from collections.abc import Sequence
from pathlib import Path

from src.compare.present.formats import write_tidy
from src.compare.present.terminal_table import print_comparison
from src.compare.report import Card, write_report
from src.compare.tables import Comparison
from src.runs.reading import find_runs
from src.runs.store import open_store
from src.study.answer import Judged, answer
from src.study.evidence import Evidence, read_evidence
from src.study.locked_plan import Plan, read_plan
from src.study.looks import compare_study, row_of
from src.study.read_tunings import read_tunings
from src.study.study_folder import REPORT, RUNS, TIDY, VERDICT
from src.utils.errors import UserError
from src.utils.files import write_whole
from src.utils.terminal import say


def report_study(folder: Path) -> None:
    """Print a study's answer and table, and write ``report.html``, ``verdict.md`` and ``runs.csv`` into its folder.

    Raises:
        UserError: if the folder holds no study, nothing has run, or a run that counts cannot be compared.
    """
    plan, evidence, store = read_plan(folder), read_evidence(folder), open_store()
    comparison = compare_study(plan.question, folder / RUNS, evidence.runs, len(evidence.looks) - 1, store)
    if comparison.left_out:
        name, reason = comparison.left_out[0]
        raise UserError(
            f"{len(comparison.left_out)} of the study's runs cannot be compared, the first: {name}: {reason}"
        )
    found, reasons = answer(plan.question, judged_rows(plan, evidence, folder, comparison)), how(plan, evidence)
    lines = [*(f"{task}: {'. '.join(said)}." for task, said in found.items()), *reasons]
    for line in lines:
        say(line)
    print_comparison(comparison, where=folder, answered=True)
    write_whole(folder / VERDICT, as_markdown(plan, lines))
    runs = find_runs([folder / RUNS / name for name in evidence.runs], store)
    write_tidy(runs, folder / TIDY, store, below=folder)
    locked = f"{plan.hash}, locked {plan.made}"
    card = Card(plan.question.question, found, reasons, locked, read_tunings(folder, plan.question))
    title, command = f"{plan.question.name}: the verdict", f"python -m src study {plan.question.name}"
    write_report(comparison, folder / REPORT, title=title, card=card, command=command)
    say(f"The report is in {folder / REPORT}")


def judged_rows(
    plan: Plan, evidence: Evidence, folder: Path, comparison: Comparison | None = None
) -> dict[str, list[Judged]]:
    """The methods of each task with their rows and findings."""
    if comparison is None:
        comparison = compare_study(plan.question, folder / RUNS, evidence.runs, len(evidence.looks) - 1, open_store())
    found: dict[str, list[Judged]] = {}
    for task in plan.question.tasks:
        for method in plan.question.methods:
            arm = f"{task}_{method}"
            own = {folder / RUNS / name for name, other in evidence.runs.items() if other == arm}
            table, row = row_of(comparison, own)
            if table is not None and row is not None:
                found.setdefault(task, []).append(Judged(method, table, row, evidence.findings.get(arm)))
    return found


def how(plan: Plan, evidence: Evidence) -> list[str]:
    """How the answer came about: by the plan, and what differs from it."""
    question = plan.question
    counts = _seeds(evidence)
    looks = len(evidence.looks)
    lines = [
        f"By the plan {plan.hash} of {plan.made}: margin {question.margin:g}, baseline {question.baseline}, "
        f"{question.trials} trials for each arm; {counts}."
    ]
    if len(question.looks) > 1:
        planned = len(question.looks)
        lines.append(
            f"Stopped after {looks} of at most {planned} looks ({question.looks[looks - 1]} of at most "
            f"{question.looks[-1]} seeds), by the plan fixed beforehand; p is adjusted for {planned} looks."
        )
    prefix = f"{next(iter(question.tasks))}_" if len(question.tasks) == 1 else ""
    laps = {name.removeprefix(prefix): lap for name, lap in evidence.laps.items()}
    if dropped := [f"{name} ({lap.dropped})" for name, lap in laps.items() if lap.dropped]:
        lines.append(f"Dropped in the race, on held-out rows: {'; '.join(dropped)}.")
    return [*lines, *(f"Differs from the plan: {text}." for text in plan.differs)]


def _seeds(evidence: Evidence) -> str:
    by_arm: dict[str, int] = {}
    for arm in evidence.runs.values():
        by_arm[arm] = by_arm.get(arm, 0) + 1
    fewest, most = min(by_arm.values()), max(by_arm.values())
    return f"{fewest} seeds each" if fewest == most else f"{fewest} to {most} seeds each"


def as_markdown(plan: Plan, lines: Sequence[str]) -> str:
    """The answer as a page of its own."""
    return "\n\n".join([f"# {plan.question.name}", plan.question.question, *lines]) + "\n"
