"""One task's files in a folder of its own: JSONL, TSV, CSV, Parquet or CoNLL, one a split."""

from collections.abc import Mapping, Sequence

from datasets import Dataset

from src.data.normalise import normalise
from src.data.sources.file_shapes import only_rows, renamed, unnested
from src.data.sources.table_files import read_table
from src.data.sources.tsv import task_folder
from src.data.task import is_test
from src.tasks.signatures import Place
from src.utils.errors import UserError


def load_files(
    *,
    dir: str | None,
    folder: str,
    files: Mapping[str, str],
    text: Sequence[str],
    label: str,
    label_names: Sequence[str],
    kind: str | None = None,
    label_encoding: Sequence[str | int | bool] | None = None,
    join: Mapping[str, Sequence[str]] | None = None,
    ending: str | None = None,
    cluster: str | None = None,
    nested: Mapping[str, str] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    only: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> dict[str, Dataset]:
    """Read one task's files, as its YAML describes them.

    Args:
        dir: the folder that holds one folder per task, or is above those that do, or the task's own.
        folder: the task's folder.
        files: file name per split; its ending says what it is. A test file may be absent, and may have no labels.
        text: the text columns.
        label: the label column.
        label_names: the classes in order; none where labels are numbers.
        kind: of the task; None for the one that the classes imply.
        label_encoding: how the files write the classes, in that order.
        join: columns that are made of others, with a space between them.
        ending: what the files are, where their own endings do not say.
        cluster: the column that says what a row is part of, see ``src.data.cluster_column``.
        nested: where columns stand in nested objects, see ``unnested``.
        columns: what columns are called in one file or another, see ``renamed``.
        only: the rows that are meant, by the values of columns, see ``only_rows``.
        aliases: labels that a file writes otherwise.

    Raises:
        UserError: a folder, file or column that is missing; a malformed row, named by file and line.
    """
    home = task_folder(dir, folder, "files")
    splits = {}
    for split, name in files.items():
        path = home / name
        if is_test(split) and not path.is_file():
            continue
        table = only_rows(renamed(unnested(read_table(path, ending), nested or {}), columns or {}), only or {})
        joined(table.values, join or {}, table.place)
        if aliases and label in table.values:
            table.values[label] = [aliases.get(value, value) for value in table.values[label]]
        labelled = label in table.values and any(value is not None for value in table.values[label])
        splits[split] = normalise(
            table.values,
            text=text,
            label=None if is_test(split) and not labelled else label,
            label_names=label_names,
            kind=kind,
            label_encoding=label_encoding,
            place=table.place,
            allow_empty_text=True,
            cluster=cluster,
        )
    return splits


def joined(columns: dict[str, list[object]], join: Mapping[str, Sequence[str]], place: Place) -> None:
    """Add columns that are made of others, row by row; raises UserError if one is missing."""
    for made, parts in join.items():
        if missing := [name for name in parts if name not in columns]:
            raise UserError(f"{place(0)}: no column {missing[0]!r}; the columns are {', '.join(columns)}")
        rows = zip(*(columns[name] for name in parts), strict=True)
        columns[made] = [" ".join(map(str, row)) for row in rows]
