"""GLUE's original TSV folders. They look like CSV files and are not.

Quotes are text and never delimiters; only the line feed ends a row (a sentence may hold any of the other characters
at which ``str.splitlines`` splits); a file may start with a byte-order mark; CoLA has a header in its test file alone.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from src.data.normalise import check_header, lines_of, normalise
from src.data.task import is_test
from src.utils.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Table:
    """Columns of a TSV file, and the line on which each row stands (counted from 1, header included)."""

    columns: dict[str, list[str]]
    lines: Sequence[int]
    skipped: int = 0


def parse_tsv(data: bytes, where: str, names: Sequence[str] | None = None, *, skip_malformed: bool = False) -> Table:
    """Split a TSV file into columns.

    Args:
        data: the file's bytes.
        where: its name, for messages.
        names: the column names of a file without a header; None takes them from the first line.
        skip_malformed: drop rows with a wrong number of fields instead of raising.

    Raises:
        UserError: not UTF-8, no rows, or a row with a wrong number of fields.
    """
    try:
        rows = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{where} line {line}: byte 0x{data[error.start]:02x} is not UTF-8 text") from None
    if b"\r" in data:
        rows = [row.removesuffix("\r") for row in rows]
    while rows and not rows[-1]:
        rows.pop()  # the end of the last line, and blank lines after it
    first = 1
    if names is None:
        names, rows, first = (rows[0].split("\t") if rows else []), rows[1:], 2
        check_header(names, f"{where} line 1")
    if not rows:
        raise UserError(f"{where}: the file has no rows")

    width = len(names)
    fields = [row.split("\t") for row in rows]
    bad = [position for position, row in enumerate(fields) if len(row) != width]
    lines: Sequence[int] = range(first, first + len(rows))
    if bad and not skip_malformed:
        found = len(fields[bad[0]])
        raise UserError(
            f"{where} line {lines[bad[0]]}: {found} field{'s' * (found != 1)} where {width} are expected "
            f"({', '.join(names)}), separated by tabs"
        )
    if bad:
        lines = [line for line, row in zip(lines, fields, strict=True) if len(row) == width]
        fields = [row for row in fields if len(row) == width]
    return Table(dict(zip(names, map(list, zip(*fields, strict=True)), strict=True)), lines, len(bad))


def load_tsv(
    *,
    dir: str | None,
    folder: str,
    files: Mapping[str, str],
    text: Sequence[str],
    label: str,
    label_names: Sequence[str],
    kind: str | None = None,
    label_encoding: Sequence[str] | None = None,
    headerless: Mapping[str, Sequence[str]] | None = None,
    skip_malformed: bool = False,
    allow_empty_text: bool = False,
    cluster: str | None = None,
) -> dict[str, Dataset]:
    """Read one task's TSV files, as its YAML describes them.

    Args:
        dir: the folder that holds one folder per task.
        folder: the task's folder in it.
        files: file name per split. A test file may be absent, and has no labels.
        text: the text columns' names in the header.
        label: the label column's name in the header.
        label_names: the classes in order; none where labels are numbers.
        kind: of the task; None for the one that the classes imply.
        label_encoding: how the files write the classes, in that order.
        headerless: column names of the splits whose file has no header.
        skip_malformed: drop rows with a wrong number of fields, and log how many.
        allow_empty_text: keep rows without text.
        cluster: the column that says what a row is part of, see ``src.data.cluster_column``.

    Raises:
        UserError: a folder or file that is missing; a malformed row, named by file and line.
    """
    home = task_folder(dir, folder, "tsv")
    splits = {}
    for split, name in files.items():
        path = home / name
        if not path.is_file():
            if is_test(split):
                log.info("%s is absent: no %s split", path, split)
                continue
            present = sorted(entry.name for entry in home.iterdir())
            raise UserError(f"no file {path} for the {split} split; {home} holds {', '.join(present) or 'nothing'}")
        table = parse_tsv(path.read_bytes(), str(path), (headerless or {}).get(split), skip_malformed=skip_malformed)
        if table.skipped:
            log.warning("%s: %d malformed rows skipped", path, table.skipped)
        splits[split] = normalise(
            table.columns,
            text=text,
            label=None if is_test(split) else label,
            label_names=label_names,
            kind=kind,
            label_encoding=label_encoding,
            place=lines_of(path, table.lines),
            allow_empty_text=allow_empty_text,
            cluster=cluster,
        )
    return splits


def task_folder(dir: str | None, folder: str, source: str) -> Path:
    """The folder of a task's files: the one of that name in ``dir``, or in one of its folders, or ``dir`` itself.

    Raises:
        UserError: if there is none, or several.
    """
    if not dir:
        raise UserError(f"data.source={source} needs data.dir=FOLDER, the folder that holds {folder}/")
    root = Path(dir).expanduser()
    home = root / folder
    if home.is_dir():
        return home
    if not root.is_dir():
        raise UserError(f"data.dir={dir}: no such folder ({root.resolve()})")
    if root.resolve().name == folder:
        return root
    present = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    within = [root / name / folder for name in present if (root / name / folder).is_dir()]
    if len(within) == 1:
        return within[0]
    if within:
        raise UserError(f"data.dir={dir}: several folders are named {folder}: {', '.join(map(str, within))}")
    raise UserError(f"data.dir={dir}: no folder {home}; the folders there are {', '.join(present) or '(none)'}")
