"""Looks at a study's evidence: which rows are settled, and which get more seeds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from src.compare.comparison import compare_runs
from src.compare.statistics.crossed import quantile
from src.compare.statistics.estimate import Estimate, settles
from src.compare.statistics.sequential import levels
from src.compare.tables import Comparison, Row, Table
from src.compare.verdicts import EQUIVALENT, UNDECIDED, error_of
from src.runs.reading import find_runs
from src.runs.store import Store, open_store
from src.study.question import Question
from src.study.study_arms import StudyArm

FUTILE = "more seeds do not help"


@dataclass(frozen=True)
class Finding:
    """What a look says of an arm against the baseline.

    Attributes:
        seeds: that the arm and the baseline have in common.
        verdict: ``better``, ``worse``, ``equivalent`` or ``undecided``.
        stopped: why it gets no more seeds: ``settled``, ``more seeds do not help``, ``no seeds are left``; None while
            it goes on.
        look: the number of the look, from 1 on, at which that was found.
        difference: mean, low and high of the interval at the look's level that the verdict goes by, see
            ``src.compare.verdicts``, and its p over the table's comparisons.
    """

    task: str
    method: str
    seeds: int
    verdict: str
    stopped: str | None
    look: int
    difference: tuple[float, float, float, float] | None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def look(
    question: Question,
    arms: Sequence[StudyArm],
    folders: Mapping[str, str],
    runs: Path,
    number: int,
    earlier: Mapping[str, Finding],
) -> dict[str, Finding]:
    """What is found with the seeds up to this look; what was settled before stays as it was.

    Args:
        question: the study's.
        arms: all of them.
        folders: the arm's name by the name of each run's folder, of the runs that count up to this look.
        runs: the folder of the runs.
        number: of the look, from 0 on.
        earlier: the findings of the look before, by the arm's name.

    Returns:
        A finding for each arm but the baselines, by the arm's name.
    """
    alpha = look_levels(question)[number]
    comparison = compare_study(question, runs, folders, number, open_store())
    last = number == len(question.looks) - 1
    found = {}
    for arm in arms:
        if arm.method == question.baseline:
            continue
        before = earlier.get(arm.name)
        if before is not None and before.stopped is not None:
            found[arm.name] = before
            continue
        table, row = row_of(comparison, {runs / name for name, own in folders.items() if own == arm.name})
        found[arm.name] = _finding(question, arm, table, row, alpha, number, last)
    return found


def look_levels(question: Question) -> tuple[float, ...]:
    """What a p over a table's comparisons has to fall below at each look, so that all looks keep the study's level."""
    if len(question.looks) == 1:
        return (question.level,)
    return levels(question.looks, alpha=question.level)


def compare_study(
    question: Question, runs: Path, arms: Mapping[str, str], number: int, store: Store | None = None
) -> Comparison:
    """Compare the runs that count as the plan says, at the level of a look.

    Args:
        question: the study's.
        runs: the folder of the runs.
        arms: the arm's name by the name of each run's folder.
        number: of the look, from 0 on.
        store: keeps results between calls.
    """
    found = find_runs([runs / name for name in arms], store)
    names = {f"{task}_{question.baseline}" for task in question.tasks}
    baseline = frozenset(str(run.folder) for run in found if arms.get(run.folder.name) in names)
    return compare_runs(found, baseline, margin=question.margin, store=store, alpha=look_levels(question)[number])


def row_of(comparison: Comparison, folders: set[Path]) -> tuple[Table | None, Row | None]:
    """The table and the row that hold the runs of an arm, however their folders are written."""
    wanted = {folder.resolve() for folder in folders}
    return next(
        ((table, row) for table, row in _rows(comparison) if wanted & {Path(own).resolve() for own in row.folders}),
        (None, None),
    )


def _rows(comparison: Comparison) -> Iterator[tuple[Table, Row]]:
    for table in comparison.tables:
        for row in table.rows:
            yield table, row


def _finding(
    question: Question, arm: StudyArm, table: Table | None, row: Row | None, alpha: float, number: int, last: bool
) -> Finding:
    if table is None or row is None or row.difference is None or row.p_adjusted is None:
        return Finding(arm.task, arm.method, len(row.seeds) if row else 0, UNDECIDED, _end(last), number + 1, None)
    gap, verdict = row.difference, row.verdict or UNDECIDED
    stopped = "settled" if verdict != UNDECIDED else _end(last)
    if stopped is None and hopeless(gap, question.margin, alpha / max(table.comparisons, 1)):
        stopped = FUTILE
    numbers = (gap.mean, gap.low, gap.high, row.p_adjusted)
    if verdict == EQUIVALENT and row.equivalence is not None and row.p_equivalent is not None:
        numbers = (gap.mean, *row.equivalence, row.p_equivalent)
    return Finding(arm.task, arm.method, len(row.seeds), verdict, stopped, number + 1, numbers)


def hopeless(gap: Estimate, margin: float, alpha: float) -> bool:
    """Whether no number of seeds would settle a row on these examples, should its difference stay what it is.

    Without the seeds' noise the standard error is ``gap.limit``: neither equivalence within the margin nor a difference
    of ``gap.mean`` is shown with it.
    """
    error = error_of(gap)
    return not settles(error, margin, alpha) and abs(gap.mean) < quantile(1 - alpha / 2, math.inf) * error.limit


def _end(last: bool) -> str | None:
    return "no seeds are left" if last else None
