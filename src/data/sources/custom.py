"""Anyone's own task: a set from the hub, or local files."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from datasets import ClassLabel, Dataset

from src.data.label_encoding import Labels, decide_labels, required_class, unlabelled_split
from src.data.normalise import normalise, rows_of
from src.data.partition import split_off
from src.data.sources.file_columns import Columns
from src.data.sources.hub import column_lists, fetch, unlabelled
from src.data.sources.table_files import read_table
from src.data.task import is_test
from src.tasks import TaskKind, label_space
from src.tasks.signatures import Raw
from src.utils.errors import UserError

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
    label_names: Raw | None,
    evaluation_splits: Sequence[str],
    validation_fraction: float,
    kind: str | None = None,
    cluster: str | None = None,
) -> dict[str, Dataset]:
    """Load a set of the user's.

    Args:
        path: a set on the hub; or give ``files``.
        config: the part of it, or None.
        revision: branch, tag or commit on the hub.
        splits: the hub's split name per split here; of those, only train must exist.
        files: a local CSV, TSV, JSONL or Parquet file per split; only train must be given.
        text: the names of the text columns, one or two of most kinds of task.
        label: the name of the label column.
        label_names: the classes in order; ``[]`` for regression; None to take the hub's names, or else the values found
            in train, sorted. What train's rows say decides for all splits, see ``decide_labels``.
        evaluation_splits: the splits that will be scored.
        validation_fraction: the part of train that becomes the validation split, where that is to be scored and the
            source has none.
        kind: of the task; None for the one that the classes imply.
        cluster: the column that says what a row is part of, see ``src.data.cluster_column``.

    Raises:
        UserError: no source or two, a column that is missing, or a bad row, named by file, line and column.
    """
    given = {split: file for split, file in files.items() if file}
    if bool(path) == ("train" in given):
        raise UserError(
            "data=custom needs one source: data.path=NAME for a set on the hub, or data.files.train=FILE "
            f"for local files (CSV, TSV, JSONL, Parquet); data.path={path}, data.files={given or None}"
        )
    stated = None if kind is None else label_space(tuple(map(str, label_names or ())), kind).kind
    if path:
        read = [*text, *(stated.columns_read(text) if stated else []), *([cluster] if cluster else [])]
        named = stated is None or not stated.counts_from_zero
        sources = _from_hub(path, config, revision, splits, read, label, named=named)
    else:
        sources = {split: read_table(Path(file).expanduser()) for split, file in given.items()}

    if stated is not None:
        _add_labels(sources, label, label_names, stated)
    labels = _labels(sources["train"], label, label_names, kind)
    space = label_space(labels.names, kind)
    loaded = {
        split: _normalise(split, source, text, label, labels, space.kind, cluster) for split, source in sources.items()
    }
    if "validation" in evaluation_splits and "validation" not in loaded:
        loaded["train"], loaded["validation"] = split_off(loaded["train"], validation_fraction, None, space.kind.strata)
        log.info("no validation split: %d of the train rows became it", len(loaded["validation"]))
    return loaded


def _from_hub(
    path: str,
    config: str | None,
    revision: str | None,
    splits: Mapping[str, str],
    text: Sequence[str],
    label: str,
    *,
    named: bool,
) -> dict[str, Columns]:
    """The columns of every split; ``named``: numbers of classes become the names that the set has for them."""
    found = fetch(path, config, revision)
    if splits["train"] not in found:
        raise UserError(f"data.path={path} has no split {splits['train']!r} for train; it has {', '.join(found)}")
    sources = {}
    for split, theirs in splits.items():
        if theirs not in found:
            continue
        values = column_lists(found[theirs], [*text, label])
        feature = found[theirs].features.get(label) if named else None
        if unlabelled(values.get(label)):
            values.pop(label, None)
        elif isinstance(feature, ClassLabel):
            values[label] = [
                None if number is None or number < 0 else feature.names[number] for number in values[label]
            ]
        elif isinstance(inner := getattr(feature, "feature", None), ClassLabel):  # a list of classes
            values[label] = [[inner.names[number] for number in own] for own in values[label]]
            feature = inner
        names = feature.names if isinstance(feature, ClassLabel) else None
        sources[split] = Columns(values, rows_of(f"data set {path!r} {theirs}"), names)
    return sources


def _add_labels(sources: Mapping[str, Columns], label: str, names: Raw | None, kind: TaskKind) -> None:
    """The column of labels where a kind makes it of others."""
    for source in sources.values():
        if (found := kind.column_of(source.values, label, names)) is not None:
            source.values[label] = list(found)


def _labels(train: Columns, label: str, names: Raw | None, kind: str | None) -> Labels:
    values = train.values.get(label)
    if values is None:
        raise UserError(f"{train.place(0)}: no column {label!r}; the columns are {', '.join(map(repr, train.values))}")
    return decide_labels(values, label, train.place, train.class_names if names is None else names, kind)


def _normalise(
    split: str,
    source: Columns,
    text: Sequence[str],
    label: str,
    labels: Labels,
    kind: TaskKind,
    cluster: str | None,
) -> Dataset:
    values = dict(source.values)
    if is_test(split) and label in values and unlabelled_split(values[label], label, source.place, labels):
        del values[label]
    if kind.picks_one and label in values:
        values[label] = [required_class(value, label, source.place, row) for row, value in enumerate(values[label])]
    return normalise(
        values,
        text=text,
        label=None if is_test(split) and label not in values else label,
        label_names=labels.names,
        kind=kind.name,
        label_encoding=labels.label_encoding,
        place=source.place,
        cluster=cluster,
    )
