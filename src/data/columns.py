"""From columns as a source spells them to the one shape that the rest of the project sees.

A normalised data set has ``idx`` (row number in its source split), ``text``, ``text_pair`` (pairs only) and, unless it
is an unlabelled test split, ``label``: a class number, whose names are in the feature, or a float.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
from datasets import ClassLabel, Dataset, Features, Value

from src.utils.errors import UserError

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
LARGEST = 3.4028234663852886e38  # labels are trained on as float32
Place = Callable[[int], str]  # row number -> "train.tsv line 7", for messages


def normalise(
    columns: Mapping[str, Sequence[Any]],
    *,
    text: Sequence[str],
    label: str | None,
    label_names: Sequence[str],
    place: Place,
    spelling: Sequence[str | int] | None = None,
    allow_empty_text: bool = False,
) -> Dataset:
    """Check columns row by row and return them as a normalised data set.

    Args:
        columns: the source's columns by name, all of one length.
        text: the names of one or two text columns.
        label: the name of the label column, or None for an unlabelled split.
        label_names: the classes in order; empty for regression.
        place: where a row came from.
        spelling: how the source writes the classes, in the order of ``label_names``; by default as they are named.
        allow_empty_text: keep rows without text (published sets have a few).

    Raises:
        UserError: a column that is missing, an empty text, a label that is no class or no finite number.
    """
    wanted = [*text] if label is None else [*text, label]
    for name in wanted:
        if name not in columns:
            raise UserError(f"{place(0)}: no column {name!r}; the columns are {_quoted(columns)}")
    for name in text:
        _check_text(columns[name], name, place, allow_empty_text)

    rows = len(columns[text[0]])
    features: dict[str, Any] = {"idx": Value("int64")}
    arrays: list[pa.Array] = [pa.array(range(rows), pa.int64())]
    for name, source in zip(("text", "text_pair"), text, strict=False):
        features[name] = Value("string")
        arrays.append(pa.array(columns[source], pa.string()))
    if label is not None and label_names:
        features["label"] = ClassLabel(names=list(label_names))
        arrays.append(pa.array(class_numbers(columns[label], spelling or label_names, label, place), pa.int64()))
    elif label is not None:
        features["label"] = Value("float64")
        arrays.append(pa.array(_numbers(columns[label], label, place), pa.float64()))
    return Dataset(pa.table(arrays, schema=Features(features).arrow_schema))


def class_numbers(values: Sequence[Any], spelling: Sequence[str | int], column: str, place: Place) -> list[int]:
    """Return the position of each value in ``spelling``."""
    numbers = {name: number for number, name in enumerate(spelling)}
    try:
        return [numbers[value] for value in values]
    except (KeyError, TypeError):  # a list cannot be looked up
        row = next(row for row, value in enumerate(values) if isinstance(value, list | dict) or value not in numbers)
        raise UserError(
            f"{place(row)}: label {values[row]!r} is none of {_quoted(spelling)} (column {column!r})"
        ) from None


def _numbers(values: Sequence[Any], column: str, place: Place) -> list[float]:
    numbers = []
    for row, value in enumerate(values):
        number = _number(value)
        if not abs(number) <= LARGEST:  # NaN is not, either
            raise UserError(f"{place(row)}: label {value!r} in column {column!r} is not a finite number")
        numbers.append(number)
    return numbers


def _number(value: Any) -> float:
    """A label as a number; NaN for what is none. Python's ``float`` takes more: bytes, booleans, ``1_000``."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if plain or (isinstance(value, str) and NUMBER.fullmatch(value.strip())):
        with suppress(OverflowError):
            return float(value)
    return math.nan


def _check_text(values: Sequence[Any], column: str, place: Place, allow_empty: bool) -> None:
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise UserError(f"{place(row)}: {value!r} in column {column!r} is not text")
        check_characters(value, lambda row=row: f"{place(row)}: column {column!r}")  # type: ignore[misc]
        if not allow_empty and (not value or value.isspace()):
            raise UserError(f"{place(row)}: the text in column {column!r} is empty")


def check_header(names: Sequence[str], where: object) -> None:
    """Raise UserError if two columns have one name: only one of them could be meant. Nameless ones nobody asks for."""
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            raise UserError(f"{where}: two columns are named {name!r}; the columns are {_quoted(names)}")
        seen.add(name)


def check_characters(text: str, where: Callable[[], str]) -> None:
    """Raise UserError for half of a surrogate pair, which JSON can write (``"\\ud800"``) and no text can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{where()} holds {text[error.start]!r} (character {error.start + 1}), half of a surrogate pair, which is "
            "no character"
        ) from None


def lines_of(where: object, lines: Sequence[int]) -> Place:
    """Return the place of rows that stand on the given lines of a file."""
    return lambda row: f"{where} line {lines[row]}"


def rows_of(where: object) -> Place:
    """Return the place of rows that only have numbers."""
    return lambda row: f"{where} row {row}"


def _quoted(names: Any) -> str:
    return ", ".join(repr(str(name)) for name in names) or "(none)"
