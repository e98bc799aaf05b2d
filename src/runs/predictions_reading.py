"""Reading ``predictions.parquet``: its columns are checked by the file's own description before a row is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from src.runs.layout import PREDICTIONS, RunFolder
from src.utils.errors import in_short
from src.utils.files import open_regular

Array = NDArray[Any]

# What the columns that are read hold; that of the logits is never read.
TEXT, WHOLE, NUMBERS = "text", "whole numbers", "numbers"
COLUMNS = {"split": TEXT, "index": WHOLE, "label": NUMBERS, "prediction": NUMBERS}  # or lists of numbers
LARGEST_FILE = 16 * 2**30  # bytes, logits and all
MOST_ROWS = 20_000_000
MOST_CLASSES = 10_000
LARGEST_VALUE = 1e15  # of a regression; squares of larger ones leave single precision
ROW_BYTES = 200  # that a row of the columns read may take in memory, and a value of a list
MOST_VALUES = 100_000_000  # of lists, filled up to the longest
FILLED = -1  # what lists are filled up with


class PredictionsError(ValueError):
    """A predictions file that cannot be used, and why."""


@dataclass(frozen=True)
class Predictions:
    """Labels and predictions of one run on one split, in the order of the examples' index.

    Classes are int64 from 0 up, and the values of a regression are floats. Where an example has a list of answers, a
    sentence one a word, labels and predictions are (n, longest), filled up with ``FILLED``.
    """

    index: Array
    labels: Array
    predictions: Array


@contextmanager
def naming_the_file() -> Iterator[None]:
    """Let whatever goes wrong within be a ``PredictionsError`` that names the file."""
    try:
        yield
    except PredictionsError as error:
        raise PredictionsError(f"{PREDICTIONS} {error}") from None
    except FileNotFoundError:
        raise PredictionsError(f"{PREDICTIONS} is missing") from None
    except Exception as error:  # whatever the library says of damaged bytes
        raise PredictionsError(f"{PREDICTIONS} is unreadable: {in_short(error)}") from error


def read_split(folder: Path, split: str) -> Predictions:
    """A run's predictions on a split.

    Raises:
        PredictionsError: if there are none, or the file is not what a run writes.
    """
    with naming_the_file():
        table = _read(RunFolder(folder).predictions)
        rows = _rows_of(table["split"], split)
        found = {name: _column(table[name].filter(pa.array(rows))) for name in ("index", "label", "prediction")}
    if problem := next(_problems(found, split), None):
        raise PredictionsError(f"{PREDICTIONS} {problem}")
    order = np.argsort(found["index"], kind="stable")
    index, labels, predictions = (_plain(found[name])[order] for name in ("index", "label", "prediction"))
    return Predictions(index, labels, predictions)


def _read(path: Path) -> pa.Table:
    with open_regular(path, LARGEST_FILE) as file, pq.ParquetFile(file, read_dictionary=["split"]) as parquet:
        _check_schema(parquet.schema_arrow)
        _check_size(parquet.metadata)
        table = parquet.read(columns=list(COLUMNS), use_threads=False)
    for name in COLUMNS:
        if table[name].null_count:
            raise PredictionsError(f"holds rows without {name}")
    return table


def _column(values: pa.ChunkedArray) -> Array:
    """The values (n,); of lists (n, longest), filled up, or (n,) where each holds one."""
    if not _is_list(values.type):
        return values.to_numpy()
    lists = values.combine_chunks()
    lists = lists if isinstance(lists, pa.Array) else pa.concat_arrays(lists.chunks)
    flat = lists.flatten()
    if flat.null_count:
        raise PredictionsError("holds lists with gaps")
    sizes = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    longest = int(sizes.max(initial=0))
    if len(sizes) * longest > MOST_VALUES:
        raise PredictionsError(f"holds {len(sizes):,} lists of up to {longest:,} values, more than are read")
    numbers = flat.to_numpy(zero_copy_only=False)
    if np.issubdtype(numbers.dtype, np.integer):
        numbers = numbers.astype(np.int64)
        if (numbers < 0).any():  # before they look like what fills up
            raise PredictionsError(f"holds the class {numbers.min()}")
    found = np.full((len(sizes), longest), FILLED, dtype=numbers.dtype)
    found[np.arange(longest) < sizes[:, None]] = numbers
    return found[:, 0] if longest == 1 and (sizes == 1).all() else found


def _is_list(found: pa.DataType) -> bool:
    return pa.types.is_list(found) or pa.types.is_large_list(found)


def _check_schema(schema: pa.Schema) -> None:
    for name, kind in COLUMNS.items():
        fields = [field for field in schema if field.name == name]
        if len(fields) != 1:
            raise PredictionsError(f"holds {'no' if not fields else 'more than one'} column {name}")
        if not _is(fields[0].type, kind):
            raise PredictionsError(f"holds {str(fields[0].type)[:80]} in the column {name}, which is of {kind}")


def _is(found: pa.DataType, kind: str) -> bool:
    if kind == TEXT:
        found = found.value_type if pa.types.is_dictionary(found) else found
        return pa.types.is_string(found) or pa.types.is_large_string(found)
    if kind == NUMBERS and _is_list(found):
        found = found.value_type
    return pa.types.is_integer(found) or (kind == NUMBERS and pa.types.is_floating(found))


def _check_size(metadata: pq.FileMetaData) -> None:
    """By what the file says of itself, so that nothing is unpacked that has no place in memory."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [chunk for group in groups for number in range(group.num_columns)
              if (chunk := group.column(number)).path_in_schema.partition(".")[0] in COLUMNS]  # fmt: skip
    rows = max(metadata.num_rows, sum(group.num_rows for group in groups))
    if rows > MOST_ROWS:
        raise PredictionsError(f"claims {rows:,} rows, and at most {MOST_ROWS:,} are read")
    size = sum(chunk.total_uncompressed_size for chunk in chunks)
    values = sum(chunk.num_values for chunk in chunks if "." in chunk.path_in_schema)
    plain = [chunk for chunk in chunks if "." not in chunk.path_in_schema]
    if values > MOST_VALUES:
        raise PredictionsError(f"claims lists with {values:,} values, more than are read")
    if size > ROW_BYTES * (rows + values) + 2**20 or any(chunk.num_values > rows for chunk in plain):
        raise PredictionsError(f"claims {size:,} bytes for {rows:,} rows")


def _rows_of(column: pa.ChunkedArray, split: str) -> Array:
    """Which rows are of the split."""
    found: list[Array] = [np.zeros(0, dtype=bool)]
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            same = pc.equal(chunk.dictionary, pa.scalar(split, chunk.dictionary.type))
            found.append(np.isin(chunk.indices.to_numpy(zero_copy_only=False), np.flatnonzero(same)))
        else:
            found.append(pc.equal(chunk, pa.scalar(split, chunk.type)).to_numpy(zero_copy_only=False))
    return np.concatenate(found)


def _without_filling(column: Array) -> Array:
    return np.maximum(column, 0) if column.dtype.kind == "i" else column


def _problems(found: dict[str, Array], split: str) -> Iterator[str]:
    """What of the values themselves is none of a run's."""
    index, values = found["index"], (found["label"], found["prediction"])
    if not len(index):
        yield f"holds no row of {split}"
        return
    if values[0].shape != values[1].shape or (values[0].ndim > 1 and _lengths_differ(*values)):
        yield "holds lists of other lengths in the columns label and prediction"
        return
    whole = [bool(np.issubdtype(column.dtype, np.integer)) for column in values]
    if values[0].ndim > 1:
        values = _without_filling(values[0]), _without_filling(values[1])
    if index.min() < 0 or index.max() >= 2**62:
        yield "holds an index that is no row's"
    if (np.diff(np.sort(index)) == 0).any():  # in a fraction of the time of np.unique
        yield f"holds a row of {split} twice"
    if not all(np.isfinite(column).all() for column in values):
        yield "holds values that are not finite"
    elif any(whole) and not all(whole):
        yield "holds classes in one column and other numbers in another"
    elif all(whole) and (least := min(column.min() for column in values)) < 0:
        yield f"holds the class {least}"
    elif all(whole) and (most := max(column.max() for column in values)) >= MOST_CLASSES:
        yield f"holds the class {most}, and at most {MOST_CLASSES:,} classes are read"
    elif not all(whole) and any((np.abs(column) > LARGEST_VALUE).any() for column in values):
        yield f"holds values beyond {LARGEST_VALUE:g}"


def _lengths_differ(labels: Array, predictions: Array) -> bool:
    return not np.array_equal(labels == FILLED, predictions == FILLED)


def _plain(column: Array) -> Array:
    if np.issubdtype(column.dtype, np.integer):
        return column.astype(np.int64)
    return column.astype(np.float32) if column.dtype == np.float16 else column
