"""Candidates of an example, as sources give them and as one text: a candidate a line."""

from collections.abc import Collection, Mapping, Sequence

from src.tasks.signatures import Place, Raw
from src.utils.errors import UserError

BETWEEN = "\n"
BEFORE = "+"  # `a+b`: the text of column a, then that of b
FEWEST = 2


def parts_of(name: str, columns: Collection[str] | None = None) -> list[str]:
    """The columns that a name is made of; a column that has the name itself is that alone."""
    return [name] if BEFORE not in name or (columns is not None and name in columns) else name.split(BEFORE)


def contexts(columns: Mapping[str, Raw], name: str, place: Place) -> list[object]:
    """What comes before the candidates, a text a row."""
    *first, last = (columns[part] for part in parts_of(name, columns))
    if not first:
        return list(last)
    rows = zip(*first, last, strict=True)
    return [" ".join(_text(part, name, place, row) for part in parts) for row, parts in enumerate(rows)]


def candidate_lists(columns: Mapping[str, Raw], names: Sequence[str], place: Place) -> list[list[str]]:
    """The candidates of every row.

    Args:
        columns: of a source, by name.
        names: one, of a column that holds all candidates (a list, or a text with one a line), or one a candidate; what
            stands before the last ``+`` of a name is put in front of each. Of columns the last ones may be empty.
        place: where a row came from.

    Raises:
        UserError: for fewer than two candidates, or one that is no text.
    """
    found: list[list[str]] = [[] for _ in columns[parts_of(names[0], columns)[0]]]
    for name in names:
        *before, own = parts_of(name, columns)
        for row, value in enumerate(columns[own]):
            front = [_text(columns[part][row], part, place, row) for part in before]
            for candidate in _values(value, own, place, row, alone=len(names) == 1):
                found[row].append(" ".join([*front, candidate]))
            if len(names) > 1 and len(found[row]) <= names.index(name) and value not in (None, ""):
                raise UserError(f"{place(row)}: a candidate in column {own!r} behind one that is empty")
    for row, candidates in enumerate(found):
        if len(candidates) < FEWEST:
            raise UserError(
                f"{place(row)}: {len(candidates)} candidates in {', '.join(map(repr, names))}; rule: {FEWEST} or more, "
                "as a list, or a text with one a line, or a column each"
            )
    return found


def _values(value: object, column: str, place: Place, row: int, *, alone: bool) -> list[str]:
    if alone:
        values = value.split(BETWEEN) if isinstance(value, str) else value
        if not isinstance(values, Sequence):
            raise UserError(f"{place(row)}: {value!r} in column {column!r} is no list of candidates")
    else:
        values = [] if value is None or value == "" else [value]
    found = [_text(one, column, place, row) for one in values]
    if any(not text for text in found):
        raise UserError(f"{place(row)}: a candidate in column {column!r} is empty")
    return found


def _text(value: object, column: str, place: Place, row: int) -> str:
    """On one line."""
    if not isinstance(value, str):
        raise UserError(f"{place(row)}: {value!r} in column {column!r} is not text")
    return " ".join(line.strip() for line in value.split(BETWEEN)).strip()


def candidates_of(text: str) -> list[str]:
    """The candidates of a text that has one a line; lines without any are none."""
    return [line.strip() for line in text.split(BETWEEN) if line.strip()]


def positions(values: Raw, column: str, place: Place) -> list[int]:
    """A column of labels as positions from 0: whole numbers, or letters from A.

    Raises:
        UserError: for anything else.
    """
    return [_position(value, column, place, row) for row, value in enumerate(values)]


def _position(value: object, column: str, place: Place, row: int) -> int:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, float) and text.is_integer():  # tables with gaps turn whole numbers into floats
        text = int(text)
    if isinstance(text, str) and text.isascii():
        if text.removesuffix(".0").isdigit():
            return int(text.removesuffix(".0"))
        if len(text) == 1 and text.isalpha():
            return ord(text.upper()) - ord("A")
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    raise UserError(
        f"{place(row)}: label {value!r} in column {column!r} is no candidate: a number from 0, or a letter from A"
    )
