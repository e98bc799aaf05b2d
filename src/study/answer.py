"""The answer of a study in words: which method to use, and what is known of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from src.compare.tables import Row, Table
from src.compare.verdicts import BETTER, EQUIVALENT, UNDECIDED, WORSE
from src.study.looks import Finding
from src.study.question import Question

NAMES = {BETTER: "better", WORSE: "worse", EQUIVALENT: "equivalent", UNDECIDED: "undecided"}


@dataclass(frozen=True)
class Judged:
    """A method on a task: its row of a table, and the finding; the baseline has none."""

    method: str
    table: Table
    row: Row
    finding: Finding | None


def answer(question: Question, judged: Mapping[str, Sequence[Judged]]) -> dict[str, list[str]]:
    """The answer for each task: which method to use, then a sentence on each of the others.

    Args:
        question: the study's.
        judged: by task, its methods.
    """
    found = {}
    for task, own in judged.items():
        if not own[0].table.learned:
            found[task] = ["nothing was learned, every run gives one answer to every example"]
            continue
        found[task] = _task(question, own)
    return found


def _task(question: Question, judged: Sequence[Judged]) -> list[str]:
    baseline = next((entry for entry in judged if entry.method == question.baseline), None)
    chosen = recommended(question, judged)
    lead = f"use {chosen.method} ({chosen.row.mean:.4f})"
    if baseline is not None and chosen is not baseline:
        lead += f", {_values(chosen, baseline)}; {_said(question, chosen)}"
    others = [entry for entry in judged if entry not in (chosen, baseline)]
    order = {verdict: place for place, verdict in enumerate((BETTER, EQUIVALENT, UNDECIDED, WORSE))}
    others.sort(key=lambda entry: order[entry.finding.verdict if entry.finding else UNDECIDED])
    told = [f"{entry.method}: {_said(question, entry)}" for entry in others]
    return [lead, *told]


def recommended(question: Question, judged: Sequence[Judged]) -> Judged:
    """Of the methods that are shown to be better than the baseline, else of those equivalent to it and the baseline
    itself, the one that trains the fewest values."""
    by_verdict: dict[str, list[Judged]] = {BETTER: [], EQUIVALENT: []}
    for entry in judged:
        if entry.method == question.baseline:
            by_verdict[EQUIVALENT].append(entry)
        elif entry.finding is not None and entry.finding.verdict in by_verdict:
            by_verdict[entry.finding.verdict].append(entry)
    candidates = by_verdict[BETTER] or by_verdict[EQUIVALENT] or list(judged)
    return min(candidates, key=lambda entry: entry.row.trainable)


def _values(entry: Judged, baseline: Judged) -> str:
    ratio = baseline.row.trainable / max(entry.row.trainable, 1)
    if ratio >= 1.5:
        return f"{ratio:,.0f} times fewer trained values than {baseline.method}"
    if ratio <= 1 / 1.5:
        return f"{1 / ratio:,.0f} times more trained values than {baseline.method}"
    return f"about as many trained values as {baseline.method}"


def _said(question: Question, entry: Judged) -> str:
    found = entry.finding
    if found is None or found.difference is None:
        return "no claim, too few seeds"
    mean, low, high, _ = found.difference
    gap = f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
    match found.verdict:
        case "equivalent":
            return f"equivalent to {question.baseline} within {question.margin:g} ({gap})"
        case "undecided":
            why = f", {found.stopped}" if found.stopped and found.stopped != "settled" else ""
            return f"undecided against {question.baseline} ({gap}{why})"
    return f"{found.verdict} than {question.baseline} ({gap})"
