"""How a source of the user's own writes its labels: decided once, from the train rows, and the same for every split."""

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from src.tasks.kinds import label_space
from src.tasks.regression import NUMBER
from src.tasks.signatures import Place, Raw
from src.utils.errors import UserError

NO_NUMBERS = ("nan", "inf", "+inf", "-inf", "infinity", "<na>")  # how tables write gaps and overflows as text


@dataclass(frozen=True)
class Labels:
    """A task's classes.

    Attributes:
        names: in the order of their numbers; none where labels are numbers.
        label_encoding: how the source writes each of them.
    """

    names: tuple[str, ...]
    label_encoding: tuple[str, ...]


def decide_labels(values: Raw, column: str, place: Place, names: Raw | None, kind: str | None = None) -> Labels:
    """Find the classes of a label column, and how it writes them.

    Args:
        values: the train rows'.
        column: its name.
        place: where a row came from.
        names: the classes as the user lists them; ``[]`` for regression; None takes the values found, sorted, whole
            numbers by their value.
        kind: of the task; None for the one that the names imply.

    Raises:
        UserError: a row without a label; a label that is no class; scores, or two spellings of one number, where no
            names say that these are classes.
    """
    stated = names is not None or kind is not None
    if stated and not (own := label_space(tuple(map(str, names or ())), kind).kind).picks_one:
        given = own.find_names(values, names, column, place)
        return Labels(given, given)
    written = [required_class(value, column, place, row) for row, value in enumerate(values)]
    found = set(written)
    if names is None:
        _refuse_mixed_booleans(values, column, place)
        _refuse_containers(written, column, place)
        _refuse_scores(written, column, place)
        whole = all(NUMBER.fullmatch(name) for name in found)
        classes = tuple(sorted(found, key=lambda name: (Decimal(name), name)) if whole else sorted(found))
        return Labels(classes, classes)
    listed = tuple(written_class(name, column, lambda _: "data.label_names", 0) for name in names)
    if len(set(listed)) < len(listed) or "" in listed:
        raise UserError(f"data.label_names={list(map(str, names))}: a name is empty, or two are the same label")
    numbers = tuple(str(number) for number in range(len(listed)))
    # The column may hold class numbers. A value that is a name, too, could be either: then all have to be names.
    numbered = found <= set(numbers) and not found & set(listed)
    return Labels(listed, numbers if numbered else listed)


def required_class(value: object, column: str, place: Place, row: int) -> str:
    """A row's class as text; see ``written_class``. Raises UserError if there is none."""
    name = written_class(value, column, place, row)
    if not name:
        raise UserError(f"{place(row)}: no label in column {column!r}")
    return name


def written_class(value: object, column: str, place: Place, row: int) -> str:
    """A label as the text that names its class, without white space around it; empty where there is none.

    1.0 and 1 are the same class: tables with gaps turn whole numbers into floats.

    Raises:
        UserError: for what names no class: a number that is not whole, a text of several lines, or anything but a
            text, a number or a boolean.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float | Decimal):
        if not math.isfinite(value) or value != int(value):
            raise UserError(
                f"{place(row)}: label {value} in column {column!r} is no class; for regression set data.label_names=[]"
            )
        return str(int(value))
    if isinstance(value, str):
        text = value.strip()
        if "\t" in text or len(text.splitlines()) > 1:  # predictions are written as a table of lines
            raise UserError(f"{place(row)}: label {value!r} in column {column!r} is not one line of text without tabs")
        return text
    if isinstance(value, int):
        return str(value)
    raise UserError(
        f"{place(row)}: label {value!r} in column {column!r} is no class but a {type(value).__name__}; a class is a "
        "text, a whole number or a boolean"
    )


def unlabelled_split(values: Raw, column: str, place: Place, labels: Labels) -> bool:
    """Whether a test file's label column says nothing: every row is empty or -1, and -1 is no class.

    Raises:
        UserError: if some rows have a label and others have none.
    """
    empty = [_says_nothing(value, labels) for value in values]
    if all(empty):
        return True
    missing = [row for row, value in enumerate(values) if _says_nothing(value, labels) and _blank(value)]
    if missing:
        raise UserError(
            f"{place(missing[0])}: no label in column {column!r}, but {place(empty.index(False))} has one; a test file "
            "is labelled whole or not at all"
        )
    return False


def _says_nothing(value: object, labels: Labels) -> bool:
    return _blank(value) or (str(value).strip() in ("-1", "-1.0") and "-1" not in labels.label_encoding)


def _blank(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def _refuse_scores(written: Sequence[str], column: str, place: Place) -> None:
    """Text that is all numbers: whole ones, each written in one way, are classes; others are scores."""
    odd = [row for row, name in enumerate(written) if name.lower() in NO_NUMBERS]
    if not all(NUMBER.fullmatch(name) or name.lower() in NO_NUMBERS for name in written):
        return  # with one that is a word they are all texts
    if odd:
        raise UserError(
            f"{place(odd[0])}: label {written[odd[0]]!r} in column {column!r} is no class where all others are "
            "numbers; leave the row out, or list the classes in data.label_names"
        )
    first: dict[Decimal, int] = {}
    for row, name in enumerate(written):
        number = Decimal(name)  # exact: long numbers of one another are not taken for the same
        if number != number.to_integral_value():
            raise UserError(
                f"{place(row)}: label {name} in column {column!r} is no class where all labels are numbers; for "
                "regression set data.label_names=[], for classes list them there"
            )
        before = first.setdefault(number, row)
        if written[before] != name:
            raise UserError(
                f"{place(row)}: label {name!r} in column {column!r} is {written[before]!r} of {place(before)} in "
                "another spelling; write it in one way, or list the classes in data.label_names"
            )


def _refuse_mixed_booleans(values: Raw, column: str, place: Place) -> None:
    first = {isinstance(value, bool): row for row, value in reversed(list(enumerate(values)))}
    if len(first) > 1:
        row = max(first.values())
        raise UserError(
            f"{place(row)}: label {values[row]!r} in column {column!r}: booleans and other labels are mixed"
        )


def _refuse_containers(written: Sequence[str], column: str, place: Place) -> None:
    """``['x', 'y']``, ``{'a': 1}``, ``b'x'``: what lists, dicts and bytes become where a table is written as text."""
    for row, name in enumerate(written):
        if name.startswith(("[", "{", "(", "b'", 'b"')) and (kind := _container(name)):
            raise UserError(
                f"{place(row)}: label {name!r} in column {column!r} is no class but a {kind} written as text; if it is "
                "one, list the classes in data.label_names"
            )


def _container(text: str) -> str | None:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return type(value).__name__ if isinstance(value, list | dict | tuple | set | bytes) else None
