"""Anyone's own task: a set from the hub, or local files."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset

from src.data.columns import normalise, rows_of
from src.data.files import Columns, read_table
from src.data.hub import column_lists, fetch, unlabelled
from src.data.splits import split_off
from src.data.task import is_test
from src.errors import UserError

log = logging.getLogger(__name__)


def load_custom(
    *,
    path: str | None,
    config: str | None,
    revision: str | None,
    splits: Mapping[str, str],
    files: Mapping[str, str | None],
    text: Sequence[str],
    label: str,
    label_names: Sequence[Any] | None,
    evaluation_splits: Sequence[str],
    validation_fraction: float,
) -> dict[str, Dataset]:
    """Load a set of the user's.

    Args:
        path: a set on the hub; or give ``files``.
        config: the part of it, or None.
        revision: branch, tag or commit on the hub.
        splits: the hub's split name per split here; of those, only train must exist.
        files: a local CSV, TSV, JSONL or Parquet file per split; only train must be given.
        text: the names of one or two text columns.
        label: the name of the label column.
        label_names: the classes in order; ``[]`` for regression; None to take the hub's names, or else the values found
            in train, sorted.
        evaluation_splits: the splits that will be scored.
        validation_fraction: the part of train that becomes the validation split, where that is to be scored and the
            source has none.

    Raises:
        UserError: no source or two, a column that is missing, or a bad row, named by file, line and column.
    """
    given = {split: file for split, file in files.items() if file}
    if bool(path) == ("train" in given):
        raise UserError(
            "data=custom needs one source: data.path=NAME for a set on the hub, or data.files.train=FILE "
            f"for local files (CSV, TSV, JSONL, Parquet); data.path={path}, data.files={given or None}"
        )
    if path:
        sources = _from_hub(path, config, revision, splits, text, label)
    else:
        sources = {split: read_table(Path(file).expanduser()) for split, file in given.items()}

    names = label_names if label_names is not None else _found(sources["train"], label)
    loaded = {split: _normalise(split, source, text, label, names) for split, source in sources.items()}
    if "validation" in evaluation_splits and "validation" not in loaded:
        loaded["train"], loaded["validation"] = split_off(
            loaded["train"], validation_fraction, None, stratify=len(names) > 0
        )
        log.info("no validation split: %d of the train rows became it", len(loaded["validation"]))
    return loaded


def _from_hub(
    path: str, config: str | None, revision: str | None, splits: Mapping[str, str], text: Sequence[str], label: str
) -> dict[str, Columns]:
    found = fetch(path, config, revision)
    if splits["train"] not in found:
        raise UserError(f"data.path={path} has no split {splits['train']!r} for train; it has {', '.join(found)}")
    sources = {}
    for split, theirs in splits.items():
        if theirs not in found:
            continue
        values = column_lists(found[theirs], [*text, label])
        feature = found[theirs].features.get(label)
        if unlabelled(values.get(label)):
            values.pop(label, None)
        elif isinstance(feature, ClassLabel):
            values[label] = [feature.names[number] if number >= 0 else None for number in values[label]]
        names = feature.names if isinstance(feature, ClassLabel) else None
        sources[split] = Columns(values, rows_of(f"data set {path!r} {theirs}"), names)
    return sources


def _normalise(split: str, source: Columns, text: Sequence[str], label: str, names: Sequence[Any]) -> Dataset:
    values, spelling = dict(source.values), None
    names = [str(name) for name in names]
    if names and label in values:
        values[label] = [_spelled(value) for value in values[label]]
        numbers = [str(number) for number in range(len(names))]
        if set(values[label]) <= set(numbers) and not set(values[label]) <= set(names):
            spelling = numbers  # the column holds class numbers, and the user names them
    return normalise(
        values,
        text=text,
        label=None if is_test(split) and label not in values else label,
        label_names=names,
        spelling=spelling,
        place=source.place,
    )


def _found(train: Columns, label: str) -> list[str]:
    """Return the classes as the source names them, else those in the train rows, sorted (whole numbers as numbers)."""
    values = train.values.get(label)
    if values is None:
        raise UserError(f"{train.place(0)}: no column {label!r}; the columns are {', '.join(map(repr, train.values))}")
    if train.class_names:
        return train.class_names
    names = [_spelled(value) for value in values]
    for row, name in enumerate(names):
        if not name or not name.strip():
            raise UserError(f"{train.place(row)}: no label in column {label!r}")
        if isinstance(values[row], float) and not values[row].is_integer():
            raise UserError(
                f"{train.place(row)}: label {name} in column {label!r} is no class; "
                "for regression set data.label_names=[]"
            )
    whole = all(name.lstrip("-").isdecimal() for name in names)
    return sorted(set(names), key=int if whole else None)


def _spelled(value: Any) -> str:
    """Write a label as text; 1.0 and 1 are the same class (tables with gaps turn integers into floats)."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
