"""From columns as a source spells them to the one shape that the rest of the project sees.

A normalised data set has ``idx`` (row number in its source split), ``text``, ``text_pair`` (pairs only) and, unless it
is an unlabelled test split, ``label``: a class number, whose names are in the feature, or a float; where every
word has one, a list of class numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import pyarrow as pa
from datasets import Dataset, Features, Value

from src.data.cluster_column import CLUSTER, cluster_names
from src.tasks import label_space
from src.tasks.signatures import Place, Raw
from src.utils.errors import UserError


def normalise(
    columns: Mapping[str, Raw],
    *,
    text: Sequence[str],
    label: str | None,
    label_names: Sequence[str],
    kind: str | None = None,
    place: Place,
    label_encoding: Sequence[str | int] | None = None,
    allow_empty_text: bool = False,
    cluster: str | None = None,
) -> Dataset:
    """Check columns row by row and return them as a normalised data set.

    Args:
        columns: the source's columns by name, all of one length.
        text: the names of the text columns, one or two of most kinds.
        label: the name of the label column, or None for an unlabelled split.
        label_names: the classes in order.
        kind: of the task; None for the one that the classes imply.
        place: where a row came from.
        label_encoding: how the source writes the classes, in the order of ``label_names``; default: as they are named.
        allow_empty_text: keep rows without text (published sets have a few).
        cluster: the name of the column that says what a row is part of; kept as ``cluster``, where there are labels.

    Raises:
        UserError: a column that is missing, an empty text, a label that is no class or no finite number.
    """
    space = label_space(label_names, kind)
    read = [part for name in text for part in ([name] if name in columns else space.kind.columns_read([name]))]
    wanted = read if label is None else [*read, label]
    for name in wanted:
        if name not in columns:
            raise UserError(f"{place(0)}: no column {name!r}; the columns are {_quoted(columns)}")
    texts = space.kind.read_texts(columns, text, place)
    for name, values in texts.items():
        _check_text(values, name, place, allow_empty_text)

    rows = len(columns[read[0]])
    features: dict[str, Any] = {"idx": Value("int64")}
    arrays: list[pa.Array] = [pa.array(range(rows), pa.int64())]
    for name, values in zip(("text", "text_pair"), texts.values(), strict=False):
        features[name] = Value("string")
        arrays.append(pa.array(values, pa.string()))
    if label is not None:
        features["label"], labels = space.kind.read_labels(
            columns[label], space.names, label_encoding or space.names, label, place
        )
        space.kind.check_rows(cast("Sequence[str]", [*texts.values()][-1]), labels.to_pylist(), place)
        arrays.append(labels)
        if cluster is not None:
            features[CLUSTER] = Value("string")
            arrays.append(pa.array(cluster_names(columns, cluster, place), pa.string()))
    return Dataset(pa.table(arrays, schema=Features(features).arrow_schema))


def _check_text(values: Raw, column: str, place: Place, allow_empty: bool) -> None:
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


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(str(name)) for name in names) or "(none)"
