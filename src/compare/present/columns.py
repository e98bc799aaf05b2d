"""The columns of a table of configurations, as text, for every format that people read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from src.compare.present.table_sentences import (
    best_minus_last,
    equivalence,
    interval,
    p_value,
    percent,
    signed,
    verdict,
)
from src.compare.tables import Matrix, Row, Table


@dataclass(frozen=True)
class Column:
    """A heading and its text for a row; an empty text is a blank."""

    heading: str
    text: Callable[[Row], str]


def columns(table: Table, with_pscp: bool = False) -> list[Column]:
    """The columns that have something to say about this table, the configuration's label first."""
    found = [
        Column("method", lambda row: row.label),
        Column("n", lambda row: str(len(row.seeds))),
        Column(table.metric, lambda row: f"{row.mean:.4f}"),
        Column("95 % interval", lambda row: interval(row.interval) if row.interval else ""),
        Column(f"minus {table.baseline}", lambda row: signed(row.difference.mean) if row.difference else ""),
        Column(
            f"{percent(1 - table.alpha)} interval (difference)",
            lambda row: interval(row.difference, "{:+.4f}") if row.difference else "",
        ),
        Column("p (all rows)", lambda row: "" if row.p_adjusted is None else p_value(row.p_adjusted)),
        Column(f"interval for ±{table.margin or 0:g}", equivalence),
        Column("verdict", lambda row: verdict(row, table) if table.margin is not None and row.difference else ""),
        Column("best", lambda row: "tied" if row.tied else ""),
        Column("best - last", _best_minus_last),
        Column("agree", lambda row: "" if row.consistency is None else f"{100 * row.consistency:.1f} %"),
        Column("collapsed", lambda row: str(row.collapsed) if row.collapsed else ""),
        Column("PSCP", lambda row: f"{row.pscp:.3f}" if with_pscp and row.pscp is not None else ""),
        Column("adapter", lambda row: f"{row.adapter:,}"),
        Column("router", lambda row: f"{row.router:,}" if row.router else ""),
        Column("head", lambda row: f"{row.head:,}"),
        Column("trainable", lambda row: f"{100 * row.trainable / row.total:.2f} %"),
        Column("saved", lambda row: "" if row.adapter_bytes is None else _bytes(row.adapter_bytes)),
        Column("train time", lambda row: "" if row.train_s is None else f"{row.train_s:,.1f} s"),
        Column("samples/s", lambda row: "" if row.samples_per_s is None else f"{row.samples_per_s:,.0f}"),
        Column("peak memory", lambda row: "" if row.peak_mb is None else f"{row.peak_mb:,.0f} MB"),
        Column("front", lambda row: "*" if row.pareto else ""),
    ]
    return [column for column in found if any(column.text(row) for row in table.rows)]


EXPLANATION = (
    "Scores: evaluation split, at the epoch picked by training.selection. Adapter values: trained outside head and "
    "router. Intervals of differences hold for all rows of a table at once: better or worse where one leaves out 0. "
    "With a margin: equivalent where the interval for it lies inside (--columns equivalence). "
)
OF_MORE = (
    "best - last: best epoch minus last epoch. front *: nothing scores as well with fewer adapter parameters. best: "
    "tied if nothing is shown to be better. "
)


def score_cells(score: float | None) -> str:
    """A cell of a matrix; blank where the task was not run."""
    return "" if score is None else f"{score:.4f}"


def matrix_cells(matrix: Matrix) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a matrix of tasks."""
    rows = [[label, *map(score_cells, scores), score_cells(average)] for label, scores, average in matrix.rows]
    return ["method", *matrix.tasks, "average"], rows


def ranks(values: Sequence[float | None], lower_is_better: bool) -> list[int | None]:
    """1 for the best value, 2 for the second, None for the others and the blanks; equal values share a rank."""
    distinct = sorted({value for value in values if value is not None}, reverse=not lower_is_better)[:2]
    return [distinct.index(value) + 1 if value in distinct else None for value in values]


def _best_minus_last(row: Row) -> str:
    gap = best_minus_last(row)
    return "" if gap is None else signed(gap)


def _bytes(size: float) -> str:
    return f"{size / 1e6:,.2f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
