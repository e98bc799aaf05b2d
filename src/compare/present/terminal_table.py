"""The comparison in the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from src.compare.beside.section import Section
from src.compare.present.chosen_columns import chosen_columns
from src.compare.present.columns import EXPLANATION, OF_MORE, Column, score_cells
from src.compare.present.table_answer import answer
from src.compare.present.table_sentences import NOTHING_LEARNED, SCOPE, held_fixed, sentences
from src.compare.published import published_rows
from src.compare.tables import Comparison, Matrix, Row, Table
from src.utils.rich_text import Text

MOST_LEFT_OUT = 20  # lines
MOST_ROWS, FEWEST_ROWS = 120, 8  # of all tables together, of each at least
FEWEST_COLUMNS = 4  # that are shown however narrow the terminal is
SHORTEST_NAME = 16  # letters of a configuration's name before it is folded
GAP = 2  # blanks after a column: its padding and the line that is not drawn


def print_comparison(
    comparison: Comparison,
    console: Console | None = None,
    where: Path | None = None,
    with_pscp: bool = False,
    names: Sequence[str] = (),
    answered: bool = False,
) -> None:
    """Print the answer, a table and its findings in words for each group, matrices over tasks, and what was left out.

    Args:
        comparison: from ``compare_runs``.
        console: defaults to the terminal.
        where: folder to be named at the end.
        with_pscp: show the efficiency-aware score.
        names: of the columns, see ``chosen_columns``.
        answered: whether the answer was given already.
    """
    console = console or Console()
    most = max(FEWEST_ROWS, MOST_ROWS // max(1, len(comparison.tables)))
    for table in comparison.tables:
        _print_table(table, console, with_pscp, most, names, answered)
    for matrix in comparison.matrices:
        console.print(_matrix(matrix, most))
    for section in comparison.beside:
        _print_section(section, console, most)
    if comparison.tables:
        console.print(Text(EXPLANATION + (OF_MORE if names else "") + SCOPE, style="dim"))
    console.print(Text(comparison.total))
    for folder, reason in comparison.left_out[:MOST_LEFT_OUT]:
        console.print(Text(f"left out: {Path(folder).name}: {(reason.splitlines() or [''])[0]}"))
    if (more := len(comparison.left_out) - MOST_LEFT_OUT) > 0:
        console.print(f"left out: {more} more (--format json lists them)")
    if where is not None:
        console.print(Text(f"The runs are in {where}"), soft_wrap=True)


def _print_table(
    table: Table, console: Console, with_pscp: bool, most: int, names: Sequence[str], answered: bool
) -> None:
    console.print(Text(table.title, style="bold"))
    if not table.learned:  # a ranking of constants would be one of chance
        console.print(Text(held_fixed(table)))
        console.print(Text(NOTHING_LEARNED, style="bold red"))
        console.print()
        return
    for sentence in [] if answered else answer(table):
        console.print(Text(sentence))
    _print_rows(table, console, with_pscp, most, names)
    if (more := len(table.rows) - most) > 0:
        console.print(f"{more} more rows, none of them better: --format csv")
    for sentence in sentences(table):
        console.print(Text(sentence))
    for row in table.rows[:most]:
        for note in row.notes:
            if not note.endswith("no claim"):  # said once for all rows
                console.print(Text(f"warning: {row.label}: {note}"))
    console.print()


def _print_rows(table: Table, console: Console, with_pscp: bool, most: int, names: Sequence[str]) -> None:
    """In one table if few columns are shown, which then are fewer where they do not fit; else in several."""
    rows = table.rows[:most]
    shown = chosen_columns(table, names, with_pscp)
    if not names and _needed(rows, shown) > console.width:
        shown = chosen_columns(table, names, with_pscp, between="\n")
    left_out: list[str] = []
    while not names and len(shown) > FEWEST_COLUMNS and _needed(rows, shown) > console.width:
        left_out.insert(0, shown.pop().heading)
    for block in _blocks(rows, shown, console.width):
        console.print(block)
    if left_out:
        console.print(Text(f"No room for {', '.join(left_out)}: a wider terminal, or --columns", style="dim"))


def _needed(rows: Sequence[Row], shown: list[Column]) -> int:
    """The least width of a table: the name may be folded."""
    label, *rest = shown
    return min(_width(rows, label), SHORTEST_NAME) + 2 * GAP + sum(_width(rows, column) + GAP for column in rest)


def _blocks(rows: Sequence[Row], shown: list[Column], width: int) -> list[RichTable]:
    """The columns in as many tables as the terminal's width asks for, each of them with the methods' names."""
    label, *rest = shown
    widths = {column.heading: _width(rows, column) for column in shown}
    spare = width - 2 * GAP - sum(widths[column.heading] + GAP for column in rest)
    name = min(widths[label.heading], max(spare, SHORTEST_NAME) if spare > 0 else width // 2)
    blocks: list[list[Column]] = [[]]
    room = width - name - 2 * GAP
    for column in rest:
        need = widths[column.heading] + GAP
        if need > room and blocks[-1]:
            blocks.append([])
            room = width - name - 2 * GAP
        blocks[-1].append(column)
        room -= need
    return [_grid(rows, label, block, widths | {label.heading: name}) for block in blocks]


def _width(rows: Sequence[Row], column: Column) -> int:
    """Of the widest line of a cell; a heading and a verdict are broken between words."""
    cells = [column.text(row) for row in rows]
    lines = [part for cell in cells for part in (cell.split() if column.heading == "verdict" else cell.splitlines())]
    return max(map(len, [*column.heading.split(), *lines]))


def _grid(rows: Sequence[Row], label: Column, block: list[Column], widths: dict[str, int]) -> RichTable:
    grid = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in (label, *block):
        justify: Literal["left", "right"] = "left" if column is label else "right"
        grid.add_column(Text(column.heading), justify=justify, overflow="fold", width=widths[column.heading])
    for row in rows:
        grid.add_row(*(Text(column.text(row)) for column in (label, *block)))
    return grid


def _print_section(section: Section, console: Console, most: int) -> None:
    grid = RichTable(title=Text(section.title), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for number, heading in enumerate(section.headings):
        grid.add_column(Text(heading), justify="right" if number else "left", overflow="fold")
    for cells in section.rows[:most]:
        grid.add_row(*map(Text, cells))
    if section.rows:
        console.print(grid)
    else:
        console.print(Text(section.title))
    if (more := len(section.rows) - most) > 0:
        console.print(f"{more} more rows: --format json")
    for sentence in section.sentences:
        console.print(Text(sentence))
    console.print()


def _matrix(matrix: Matrix, most: int) -> RichTable:
    grid = RichTable(title=Text(f"All tasks on {matrix.backbone}"), box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("method", *matrix.tasks, "average"):
        grid.add_column(Text(heading), justify="left" if heading == "method" else "right")
    for label, scores, average in matrix.rows[:most]:
        grid.add_row(*(Text(cell) for cell in (label, *map(score_cells, scores), score_cells(average))))
    return grid


def print_published(comparison: Comparison, console: Console | None = None) -> None:
    """Print what papers report for the same backbone, task and metric: apart, because no protocol is quite ours."""
    console = console or Console()
    for table in comparison.tables:
        rows = published_rows(table)
        if not rows:
            console.print(Text(f"{table.title}: no published numbers on file"))
            continue
        grid = RichTable(title=Text(f"Published: {table.title}"), box=box.SIMPLE_HEAD, title_justify="left")
        for heading in ("method", "parameters", table.metric, "source", "protocol"):
            grid.add_column(Text(heading), justify="right" if heading in ("parameters", table.metric) else "left")
        for row in rows:
            spread = f" ±{row.deviation:.3f}" if row.deviation is not None else ""
            cells = (row.method, f"{row.parameters:,}", f"{row.score:.3f}{spread}", row.source, row.protocol)
            grid.add_row(*map(Text, cells))
        console.print(grid)
