"""The few columns that are shown unless more are asked for, and those that ``--columns`` names."""

from collections.abc import Callable, Sequence

from src.compare.present.columns import Column, columns
from src.compare.present.table_sentences import interval, signed, verdict
from src.compare.tables import Row, Table

# What ``columns`` calls them, by the names of ``--columns``; a metric's and a baseline's heading is the table's own.
NAMED = {
    "p": "p (all rows)", "best": "best", "best_last": "best - last", "agree": "agree", "collapsed": "collapsed",
    "router": "router", "head": "head", "trainable": "trainable", "saved": "saved", "samples": "samples/s",
    "front": "front", "pscp": "PSCP",
}  # fmt: skip
FEW = ("method", "n", "score", "difference", "verdict", "adapter", "time", "memory")
PAPER = FEW[:6]
ALL = "all"  # every column, a number in each
EQUIVALENCE = "equivalence"
CHOICES = (*FEW, EQUIVALENCE, *(name for name in NAMED if name != "pscp"))  # --pscp asks for that


def chosen_columns(
    table: Table, names: Sequence[str] = (), with_pscp: bool = False, between: str = " "
) -> list[Column]:
    """The columns that are asked for, such of them as have something to say.

    Args:
        table: whose they are.
        names: of ``CHOICES``; none are the few of ``FEW``; ``all`` is every column with a number in each.
        with_pscp: add the efficiency-aware score.
        between: a number and its interval in one cell: a blank, or a line's end.
    """
    every = columns(table, with_pscp)
    if ALL in names:
        return every
    own = _few(table, between)
    by_heading = {column.heading: column for column in every}
    own |= {name: by_heading[heading] for name, heading in NAMED.items() if heading in by_heading}
    own |= {EQUIVALENCE: column for column in every if column.heading.startswith("interval for ±")}  # noqa: B035
    wanted = dict.fromkeys([*(names or FEW), *(["pscp"] if with_pscp else [])])
    found = [own[name] for name in wanted if name in own]
    return [column for column in found if any(column.text(row) for row in table.rows)]


def _few(table: Table, between: str) -> dict[str, Column]:
    claims = any(row.difference for row in table.rows)
    found: dict[str, tuple[str, Callable[[Row], str]]] = {
        "method": ("method", lambda row: row.label),
        "n": ("n", lambda row: str(len(row.seeds))),
        "score": (table.metric, lambda row: _with_interval(
            f"{row.mean:.4f}", interval(row.interval) if row.interval else None, between)),
        "difference": (f"minus {table.baseline}", lambda row: _difference(row, between)),
        "verdict": ("verdict", lambda row: _verdict(row, table) if claims else ""),
        "adapter": ("adapter values", lambda row: f"{row.adapter:,}"),
        "time": ("time", lambda row: "" if row.train_s is None else f"{row.train_s:,.0f} s"),
        "memory": ("memory", lambda row: "" if row.peak_mb is None else f"{row.peak_mb:,.0f} MB"),
    }  # fmt: skip
    return {name: Column(heading, text) for name, (heading, text) in found.items()}


def _verdict(row: Row, table: Table) -> str:
    return "baseline" if row.label == table.baseline else verdict(row, table)


def _difference(row: Row, between: str) -> str:
    gap = row.difference
    return _with_interval(signed(gap.mean), interval(gap, "{:+.4f}"), between) if gap else ""


def _with_interval(number: str, found: str | None, between: str) -> str:
    return f"{number}{between}{found}" if found else number
