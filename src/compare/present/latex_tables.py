"""A comparison as LaTeX for the booktabs package; with the columns of a paper's table no table is wider than a page."""

import re
from collections.abc import Iterator, Sequence

from src.compare.present.chosen_columns import ALL, chosen_columns
from src.compare.present.columns import matrix_cells, ranks
from src.compare.present.how_judged import how_judged
from src.compare.present.table_sentences import SCOPE, sentences
from src.compare.tables import Comparison, Matrix, Table
from src.utils import text

PAGE = 339  # points: a line of the article class has 345, and widths are estimated
GAPS = (3, 2, 1.5)  # points on each side of a column; nothing stands beside the outer ones
LETTER, NARROW, WIDE = 4.35, 2.4, 6.7  # points of a letter of \footnotesize
SMALL, BOLD = 0.88, 1.13  # by how much those of \scriptsize and bold ones are as wide
HEADINGS = {"adapter values": "values"}  # shorter ones
INTERVAL = re.compile(r"(?<=[^ ]) (\{?\[[^\]]*\])$")
COMMAND = re.compile(r"\\(textbf|underline|scriptsize|text[a-z]+|char)(\{\}| )?|[{}$]|\\(?=\W)")


def latex(comparison: Comparison, with_pscp: bool = False, names: Sequence[str] = (ALL,)) -> str:
    """Tables for the booktabs package, each with its findings, its test and what that assumes below it.

    The best score is bold, the second underlined; with the columns of a paper's table all that is tied with the best.
    What of a paper's table is wider than a page stands in a second one below it, with the same first column.
    """
    paper = ALL not in names
    parts = [r"% \usepackage{booktabs}"]
    parts += [_judged(table, names, with_pscp, paper) for table in comparison.tables]
    parts += [_of_tasks(matrix, paper) for matrix in comparison.matrices]
    for section in comparison.beside:
        rows = [[text.latex(cell) for cell in cells] for cells in section.rows]
        notes = [text.latex(sentence) for sentence in section.sentences]
        parts.append(_floating(section.title, section.headings, rows, notes, paper))
    parts += [f"% {SCOPE}"] if comparison.tables else []
    return "\n\n".join(parts) + "\n"


def _judged(table: Table, names: Sequence[str], with_pscp: bool, paper: bool) -> str:
    drawn = chosen_columns(table, names, with_pscp)
    headings = [column.heading for column in drawn]
    rows = [[text.latex(column.text(row)) for column in drawn] for row in table.rows]
    order = ranks([row.mean for row in table.rows], table.lower_is_better)
    if paper and any(row.tied for row in table.rows):
        order = [1 if row.tied else None for row in table.rows]
    verdicts = headings.index("verdict") if paper and "verdict" in headings else None
    for row, cells, rank in zip(table.rows, rows, order, strict=True):
        if verdicts is not None and row.verdict:
            cells[verdicts] = text.latex(row.verdict)  # by how much is said below
        if table.metric in headings:
            place = headings.index(table.metric)
            cells[place] = _emphasised(cells[place], rank)
    if paper:
        headings = [HEADINGS.get(heading, heading) for heading in headings]
        rows = [[INTERVAL.sub(r" {\\scriptsize \1}", cell) for cell in cells] for cells in rows]
    notes = [text.latex(sentence) for sentence in (*sentences(table), *how_judged(table))]
    return _floating(table.title, headings, rows, notes, paper)


def _of_tasks(matrix: Matrix, paper: bool) -> str:
    headings, rows = matrix_cells(matrix)
    rows = [[text.latex(cell) for cell in cells] for cells in rows]
    for column in range(len(matrix.tasks)):
        found = ranks([scores[column] for _, scores, _ in matrix.rows], matrix.lower_is_better[column])
        for cells, rank in zip(rows, found, strict=True):
            cells[column + 1] = _emphasised(cells[column + 1], rank)
    return _floating(f"All tasks on {matrix.backbone}", headings, rows, [], paper)


def _emphasised(cell: str, rank: int | None) -> str:
    """The number in bold or underlined, its interval as it is."""
    number, space, interval = cell.partition(" ")
    shown = rf"\textbf{{{number}}}" if rank == 1 else rf"\underline{{{number}}}" if rank == 2 else number
    return f"{shown}{space}{interval}"


def _floating(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str], paper: bool
) -> str:
    lines = [[text.latex(heading) for heading in headings], *rows]
    gap, parts = _fitted(lines) if paper else (0.0, [list(range(len(headings)))])
    bodies = [_tabular([[cells[at] for at in part] for cells in lines], paper) for part in parts]
    return "\n".join(
        [
            r"\begin{table}", r"\centering",
            *([r"\footnotesize", rf"\setlength{{\tabcolsep}}{{{gap:g}pt}}"] if paper else []),
            rf"\caption{{{text.latex(title)}}}", "\n\\par\\smallskip\n".join(bodies),
            *(rf"\par\smallskip\footnotesize {note}" for note in notes), r"\end{table}",
        ]
    )  # fmt: skip


def _tabular(lines: Sequence[Sequence[str]], paper: bool) -> str:
    edge = "@{}" if paper else ""
    heading, *rows = [" & ".join(cells) + r" \\" for cells in lines]
    columns = f"{edge}l{'r' * (len(lines[0]) - 1)}{edge}"
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", r"\toprule", heading, r"\midrule", *rows,
                      r"\bottomrule", r"\end{tabular}"])  # fmt: skip


def _fitted(lines: Sequence[Sequence[str]]) -> tuple[float, list[list[int]]]:
    """The widest gap with which the table fits a page, else the first; and the columns of each part of it."""
    widths = [max(map(_points, column)) for column in zip(*lines, strict=True)]
    for gap in GAPS:
        if len(parts := list(_parts([width + 2 * gap for width in widths], PAGE + 2 * gap))) == 1:
            return gap, parts
    return GAPS[0], list(_parts([width + 2 * GAPS[0] for width in widths], PAGE + 2 * GAPS[0]))


def _parts(widths: Sequence[float], page: float) -> Iterator[list[int]]:
    """The columns that a page has room for, then the next with the first one, and so on."""
    own = [0]
    for at in range(1, len(widths)):
        if len(own) > 1 and sum(widths[other] for other in (*own, at)) > page:
            yield own
            own = [0]
        own.append(at)
    yield own


def _points(cell: str) -> float:
    """About how wide a cell is."""
    number, _, interval = cell.partition(r"{\scriptsize")
    return _letters(number) * (BOLD if number.startswith(r"\textbf") else 1) + SMALL * _letters(interval)


def _letters(cell: str) -> float:
    plain = COMMAND.sub("", cell)
    return sum(NARROW if letter in ".,:;[]()|!' ijl" else WIDE if letter in "+-mwMW" else LETTER for letter in plain)
