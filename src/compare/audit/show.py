"""Audited tables in the terminal, as Markdown and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from src.compare.audit.audit_sentences import cells, headings, sentences, title
from src.compare.audit.entries import PublishedTable
from src.compare.audit.support import Judged, judge
from src.utils import text
from src.utils.rich_text import Text


@dataclass(frozen=True)
class Audit:
    """A published table with what it supports."""

    table: PublishedTable
    rows: list[Judged]
    sentences: list[str]
    baseline: str | None


def audit(table: PublishedTable, correlation: float = 0.0, baseline: str | None = None) -> Audit:
    """Judge a table and say it in words; raises KeyError for a baseline that it has not."""
    rows = judge(table, correlation, baseline)
    return Audit(table, rows, sentences(table, rows, correlation, baseline), baseline)


def print_audits(audits: Sequence[Audit], console: Console | None = None) -> None:
    """Print every table, best row first, and its sentences."""
    console = console or Console()
    for found in audits:
        grid = RichTable(
            title=Text(title(found.table)), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0)
        )
        for heading in headings(found.rows, found.baseline):
            grid.add_column(Text(heading), justify="left" if heading == "method" else "right", overflow="fold")
        for row in found.rows:
            grid.add_row(*(Text(cell) for cell in cells(row, found.table, found.baseline)))
        console.print(grid)
        for sentence in found.sentences:
            console.print(Text(sentence))
        console.print()


def markdown(audits: Sequence[Audit]) -> str:
    """GitHub-flavoured tables, each followed by its sentences."""
    parts = []
    for found in audits:
        names = headings(found.rows, found.baseline)
        lines = [
            names,
            ["---", *["---:"] * (len(names) - 1)],
            *(cells(r, found.table, found.baseline) for r in found.rows),
        ]
        escaped = [[text.markdown(cell) for cell in line] for line in lines]
        parts += [f"### {text.markdown(title(found.table))}", "\n".join(f"| {' | '.join(line)} |" for line in escaped)]
        parts += ["\n".join(f"- {text.markdown(sentence)}" for sentence in found.sentences)]
    return "\n\n".join(parts) + "\n"


def json_text(audits: Sequence[Audit]) -> str:
    """Everything, unrounded, in each table's own unit."""
    return json.dumps([_as_dict(found) for found in audits], indent=2) + "\n"


def _as_dict(found: Audit) -> dict[str, Any]:
    rows = [{**asdict(row.entry), **asdict(row), "tied": row.tied} for row in found.rows]
    for row in rows:
        del row["entry"]
    table = found.table
    return {
        "task": table.task,
        "metric": table.metric,
        "unit": table.unit,
        "baseline": found.baseline,
        "rows": rows,
        "sentences": found.sentences,
    }


FORMATS = {"markdown": markdown, "json": json_text}
