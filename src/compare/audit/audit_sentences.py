"""An audited table for people: its rows as text, and what it supports in sentences."""

from collections.abc import Sequence
from statistics import median

from src.compare.audit.entries import PublishedTable
from src.compare.audit.support import Judged, judge

TYPICAL = 0.5  # correlation of two methods' answers, for the sentence beside the cautious reading
MOST = 12  # names in a sentence


def headings(rows: Sequence[Judged], baseline: str | None) -> list[str]:
    """Of the columns that ``cells`` fills."""
    found = ["method", "runs", "examples", "score", "standard error", "behind the best", "tied with the best"]
    return found + ([f"minus {baseline}", "p (Holm)"] if baseline else [])


def cells(row: Judged, table: PublishedTable, baseline: str | None) -> list[str]:
    """One row's texts, in the table's own unit."""
    digits = _digits(table)
    entry = row.entry
    found = [
        entry.method, str(entry.seeds), f"{entry.examples:,}", f"{entry.score:.{digits}f}", f"{row.error:.{digits}f}",
        f"{row.gap:.{digits}f}", "yes" if row.tied else "no",
    ]  # fmt: skip
    if baseline:
        found += ["" if row.difference is None else f"{row.difference:+.{digits}f}", "" if row.p is None else _p(row.p)]
    return found


def sentences(table: PublishedTable, rows: Sequence[Judged], correlation: float, baseline: str | None) -> list[str]:
    """What the table supports: the tied rows, the gap that it could have shown, and what no number in it covers."""
    found = [_tied(rows), _gap(table, rows, correlation)]
    if correlation < TYPICAL:
        again = judge(table, TYPICAL)
        found.append(
            f"Were two rows' answers to correlate by {TYPICAL}, which a table does not show, "
            f"{sum(row.tied for row in again)} rows would be tied, and {_needed(table, again)} would be needed."
        )
    if all(row.entry.deviation is not None for row in rows):
        tied = [row.entry.method for row in judge(table, other_examples=False) if row.tied]
        found.append(
            f"For these very examples, as if no others mattered, the seeds alone leave {len(tied)} of {len(rows)} rows "
            f"tied: {_listed(tied)}."
        )
    if baseline:
        found.append(_against(rows, baseline))
    return [*found, *_not_covered(table, rows)]


def title(table: PublishedTable) -> str:
    """What was judged by what."""
    unit = " in percent" if table.unit == 100 else ""
    return f"{table.task}: {table.metric}{unit}" if table.task else f"{table.metric}{unit}"


def _tied(rows: Sequence[Judged]) -> str:
    tied = [row.entry.method for row in rows if row.tied]
    behind = [row.entry.method for row in rows if not row.tied]
    rest = f" Shown to be worse than the best: {_listed(behind)}." if behind else " No row is shown to be worse."
    if len(tied) == 1:
        return f"The best is {tied[0]}, and no row is tied with it.{rest}"
    return f"Tied with the best, {rows[0].entry.method}: {_listed(tied[1:])} ({len(tied)} of {len(rows)} rows).{rest}"


def _gap(table: PublishedTable, rows: Sequence[Judged], correlation: float) -> str:
    digits = _digits(table)
    shown = median(row.detectable for row in rows if row.detectable is not None)
    assumed = (
        "their answers taken as independent" if correlation == 0 else f"their answers correlated by {correlation:g}"
    )
    return (
        f"With these runs and examples a row is told from the best by {_needed(table, rows)} "
        f"({assumed}, {len(rows)} rows, 5 %); a true gap of {shown:.{digits}f} is shown 4 times in 5."
    )


def _needed(table: PublishedTable, rows: Sequence[Judged]) -> str:
    gap = median(row.needed for row in rows if row.needed is not None)
    return f"a gap of {gap:.{_digits(table)}f}{' points' if table.unit == 100 else ''}"


def _against(rows: Sequence[Judged], baseline: str) -> str:
    shown = [row for row in rows if row.p is not None and row.p <= 0.05 and row.difference is not None]
    better = [row.entry.method for row in shown if (row.difference or 0.0) > 0]
    worse = [row.entry.method for row in shown if (row.difference or 0.0) < 0]
    parts = [
        f"{kind} than {baseline}: {_listed(names)}" for kind, names in (("better", better), ("worse", worse)) if names
    ]
    undecided = len(rows) - 1 - len(shown)
    return f"After Holm, {'; '.join([*parts, f'{undecided} of {len(rows) - 1} rows not told from {baseline}'])}."


def _not_covered(table: PublishedTable, rows: Sequence[Judged]) -> list[str]:
    found = []
    if table.metric not in ("accuracy", "matthews_correlation", "pearson", "spearmanr"):
        found.append(
            f"No formula gives the examples' part for {table.metric}: the spread of the seeds is all that counts."
        )
    if single := [row.entry.method for row in rows if row.entry.seeds == 1]:
        who = "Every row is" if len(single) == len(rows) else f"{_listed(single)}: each"
        found.append(f"{who} one run: another seed could have come out differently, and nothing here covers that.")
    if silent := [row.entry.method for row in rows if row.entry.seeds > 1 and row.entry.deviation is None]:
        found.append(f"No spread over seeds is printed for {_listed(silent)}: their seeds count as if they agreed.")
    found.append("Tuning, picking the epoch on the reported rows and the training sample are in no row's error.")
    return found


def _digits(table: PublishedTable) -> int:
    return 2 if table.unit == 100 else 4


def _p(value: float) -> str:
    return "< .0001" if value < 1e-4 else f"{value:.2g}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
