"""Local tables of any common kind: CSV, TSV, JSONL, Parquet, CoNLL, SQuAD's JSON, read into columns of values."""

import csv
import functools
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from src.data.normalise import Place, check_characters, check_header, lines_of, rows_of
from src.data.sources.conll import read_conll
from src.data.sources.file_columns import Columns
from src.data.sources.squad import read_squad
from src.data.sources.tsv import parse_tsv
from src.utils.errors import UserError
from src.utils.foreign import memory

OBJECTS = 4  # bytes that a byte of a table takes as Python's values, at least; a value takes 64


def read_table(path: Path, ending: str | None = None) -> Columns:
    """Read a table by the ending of its name, or as one that ends otherwise.

    ``.csv`` is real CSV (quotes, line breaks within quotes); ``.tsv`` knows no quotes, tabs and line feeds alone divide
    it. Both start with a header. ``.conll`` has the columns ``tokens`` and ``tags``; ``.json`` is SQuAD's.

    Raises:
        UserError: no such file, an unknown ending, or a malformed row, named by its line.
    """
    ending = ending or path.suffix
    if ending not in READERS:
        raise UserError(f"data file {path}: the ending {ending!r} is none of {', '.join(READERS)}")
    if not path.is_file():
        there = path.parent
        present = sorted(entry.name for entry in there.iterdir() if entry.suffix in READERS) if there.is_dir() else []
        raise UserError(
            f"no data file {path.absolute()}; the tables in its folder are {', '.join(present) or '(none)'}"
        )
    if (size := path.stat().st_size) > memory() // OBJECTS:
        raise UserError(f"{path} has {size:,} bytes, more than a table that this machine's memory holds")
    return READERS[ending](path)


def _read_csv(path: Path) -> Columns:
    csv.field_size_limit(sys.maxsize)  # a document may be longer than the 128 KiB that csv allows
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    rows, lines, start = [], [], 1
    try:
        for row in reader:
            if row:  # blank lines are no rows
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path} line {start}: not valid CSV: {error}") from None
    if len(rows) < 2:
        raise UserError(f"{path}: expected a header and one or more rows")
    header = rows[0]
    check_header(header, f"{path} line {lines[0]}")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise UserError(
                f"{path} line {line}: {len(row)} fields where the header has {len(header)} ({', '.join(header)})"
            )
    columns = dict(zip(header, map(list, zip(*rows[1:], strict=True)), strict=True))  # nameless ones become one
    return Columns(columns, lines_of(path, lines[1:]))


def _read_tsv(path: Path) -> Columns:
    table = parse_tsv(path.read_bytes(), str(path))
    return Columns(dict(table.columns), lines_of(path, table.lines))


def _read_jsonl(path: Path) -> Columns:
    records, lines = [], []
    for line, content in enumerate(_text(path).split("\n"), start=1):
        if not content.strip():
            continue
        try:
            record = json.loads(content, object_pairs_hook=functools.partial(_json_object, f"{path} line {line}"))
        except UserError:
            raise
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path} line {line}: not valid JSON: {error}") from None
        if not isinstance(record, dict):
            raise UserError(f"{path} line {line}: expected a JSON object, column names and values")
        records.append(record)
        lines.append(line)
    if not records:
        raise UserError(f"{path}: the file has no rows")
    names = dict.fromkeys(name for record in records for name in record)
    return Columns({name: [record.get(name) for record in records] for name in names}, lines_of(path, lines))


def _json_object(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's keys and values, each key once; every text in it can be written."""
    check_header([key for key, _ in pairs], where)
    for key, value in pairs:
        for text in (key, value):
            if isinstance(text, str):
                check_characters(text, functools.partial("{}: {!r}".format, where, key))
    return dict(pairs)


def _read_parquet(path: Path) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        check_header(pyarrow.parquet.read_schema(path).names, path)
        described = pyarrow.parquet.read_metadata(path)
        if (values := described.num_rows * described.num_columns) * 64 > memory():
            raise UserError(f"{path}: {values:,} values are more than this machine's memory holds")
        table = pyarrow.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file: {error}") from None
    if not table.num_rows:
        raise UserError(f"{path}: the file has no rows")
    return Columns({name: _values(table[name], name, rows_of(path)) for name in table.column_names}, rows_of(path))


def _values(column: Any, name: str, place: Place) -> list[Any]:
    try:
        return column.to_pylist()
    except (ValueError, OverflowError):  # bytes that are no UTF-8 text, dates beyond Python's
        for row, value in enumerate(column):
            try:
                value.as_py()
            except (ValueError, OverflowError) as error:
                raise UserError(f"{place(row)}: the value in column {name!r} cannot be read: {error}") from None
        raise


def _read_conll(path: Path) -> Columns:
    return read_conll(_text(path), str(path))


def _read_squad(path: Path) -> Columns:
    return read_squad(_text(path), str(path))


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{path} line {line}: byte 0x{data[error.start]:02x} is not UTF-8 text") from None


READERS: dict[str, Callable[[Path], Columns]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
    ".conll": _read_conll,
    ".json": _read_squad,
}
