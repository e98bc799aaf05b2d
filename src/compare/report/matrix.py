"""The page's table of configurations against tasks: the score, and how it stands to the task's baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from src.compare.beside.section import Section
from src.compare.present.table_sentences import signed, verdict
from src.compare.tables import Comparison, Matrix, Row, Table
from src.compare.verdicts import BETTER, EQUIVALENT, NOT_SHOWN, UNDECIDED, WORSE

# A mark for each verdict: its shape says it as well as its colour.
MARKS = {BETTER: "▲", WORSE: "▼", EQUIVALENT: "≈", UNDECIDED: "?", NOT_SHOWN: "○"}


@dataclass(frozen=True)
class TaskCell:
    """A configuration on a task.

    Attributes:
        score: as it is written.
        mark: of the verdict; ``said`` is the verdict with the difference, in words.
        shade: from -1, the worst difference of the task, to 1; None where there is none.
        kind: the verdict's first word.
    """

    score: str
    mark: str = ""
    said: str = ""
    shade: float | None = None
    kind: str = ""


def matrices(comparison: Comparison) -> list[dict[str, object]]:
    """What the page shows of each matrix, with what is said over all its tasks."""
    return [_matrix(matrix, comparison) for matrix in comparison.matrices]


def _matrix(matrix: Matrix, comparison: Comparison) -> dict[str, object]:
    tables = {task: _table(matrix, task, comparison.tables) for task in matrix.tasks}
    widest = {task: _widest(table) for task, table in tables.items()}
    rows, judged = [], False
    for label, scores, average in matrix.rows:
        cells = [
            _cell(score, _row(tables[task], label), tables[task], widest[task])
            for task, score in zip(matrix.tasks, scores, strict=True)
        ]
        judged = judged or any(cell.mark for cell in cells)
        rows.append({"label": label, "cells": cells, "average": average})
    across = next((s for s in comparison.beside if s.kind == "tasks" and s.title.endswith(matrix.backbone)), None)
    baselines = {table.baseline for table in tables.values() if table is not None and table.baseline}
    return {
        "backbone": matrix.backbone, "tasks": matrix.tasks, "rows": rows, "across": across, "marks": MARKS,
        "lead": _lead(across), "baseline": baselines.pop() if len(baselines) == 1 else "the task's baseline",
        "judged": judged,
    }  # fmt: skip


def _lead(across: Section | None) -> list[str]:
    """The two lines on the method that comes first: on these tasks, and on another such task."""
    if across is None:
        return []
    return [
        line
        for start in ("Averaged over these", "On another such task")
        for line in [next((said for said in across.sentences if said.startswith(start)), None)]
        if line
    ]


def _table(matrix: Matrix, task: str, tables: Sequence[Table]) -> Table | None:
    """The table of a task that the matrix was made of: the best-filled one."""
    own = [table for table in tables if table.fixed["data"] == task and table.fixed["backbone"] == matrix.backbone]
    return max(own, key=lambda table: len(table.rows), default=None)


def _row(table: Table | None, label: str) -> Row | None:
    return next((row for row in table.rows if row.long_label == label), None) if table else None


def _widest(table: Table | None) -> float:
    return max((abs(row.difference.mean) for row in table.rows if row.difference), default=0.0) if table else 0.0


def _cell(score: float | None, row: Row | None, table: Table | None, widest: float) -> TaskCell:
    if score is None:
        return TaskCell("")
    written = f"{score:.4f}"
    if row is None or table is None or row.difference is None or row.verdict not in MARKS:
        return TaskCell(written, said="baseline" if row and table and row.label == table.baseline else "")
    gap = row.difference
    sign = -1 if table.lower_is_better else 1
    said = f"{verdict(row, table)}: {signed(gap.mean)} [{signed(gap.low)}, {signed(gap.high)}]"
    shade = sign * gap.mean / widest if widest else 0.0
    return TaskCell(written, MARKS[row.verdict], said, shade, row.verdict.split()[0])
