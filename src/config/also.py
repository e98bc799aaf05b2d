"""``data.also``: further sets that a task's runs are evaluated on, whose classes the task's classes have to make up."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.config.choices import written
from src.config.task_records import FILES, task_record
from src.tasks.kinds import label_space, stated_kind
from src.utils.errors import UserError

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet", ".conll")


def is_file(entry: str) -> bool:
    """Whether an entry names a table of the user's, with the task's own columns and labels."""
    return Path(entry).suffix in ENDINGS


def split_name(entry: str) -> str:
    """What an entry is called in metrics and predictions: the set's name, or a file's without its ending."""
    return Path(entry).stem if is_file(entry) else entry


def also_record(entry: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a set, read from its files in ``data.dir`` where the task names a folder and the set has some.

    Raises:
        UserError: if there is no such set.
    """
    known = task_record(entry, "own", data.get("dir"), "data.also")
    if data.get("dir") and set(FILES) & set(written("data", entry)["sources"]):
        return task_record(entry, "files", data["dir"], "data.also")
    return known


def class_groups(
    names: Sequence[str], own: Sequence[str], stands_for: Mapping[str, Sequence[str]], entry: str
) -> tuple[tuple[int, ...], ...]:
    """Of each class of a set, the numbers of the task's classes that it is.

    Args:
        names: the task's classes.
        own: the set's.
        stands_for: what classes of other sets a class of this one is, besides the one of its own name.
        entry: the set's name, for messages.

    Raises:
        UserError: unless every class of the task is in one class of the set, and none of these is empty.
    """
    groups = tuple(
        tuple(number for number, name in enumerate(names) if name == label or name in stands_for.get(label, ()))
        for label in own
    )
    if not all(groups) or sorted(number for group in groups for number in group) != list(range(len(names))):
        raise UserError(
            f"data.also: the classes of {entry} ({', '.join(own)}) are not made of the task's ({', '.join(names)}); "
            "rule: each of the task's is one of them by its name, or by stands_for in the set's file in conf/data"
        )
    return groups


def check_also(data: Mapping[str, Any]) -> None:
    """Refuse what can be no extra split of a task, by the records alone.

    Raises:
        UserError: for an unknown set, one of another kind or with other classes, and a name that is taken.
    """
    taken = {"train", "holdout", "validation", *data["evaluation_splits"]}
    for entry in data["also"]:
        if (name := split_name(entry)) in taken:
            raise UserError(f"data.also={entry}: a split is called {name} already; rule: a name of its own")
        taken.add(name)
        if is_file(entry):
            continue
        record, kind = also_record(entry, data), stated_kind(data)
        if kind is not None and data["label_names"] is not None:
            check_fits(entry, record, kind.name, data["label_names"], data["text"])


def check_fits(entry: str, record: Mapping[str, Any], kind: str, names: Sequence[str], text: Sequence[str]) -> None:
    """Refuse a set of another kind, with other classes or another number of texts."""
    own = label_space(record["label_names"] or (), record.get("kind")).kind
    if own.name != kind:
        raise UserError(f"data.also={entry}: it is {own.title}, and the task of kind {kind}")
    if len(record["text"]) != len(text):
        raise UserError(f"data.also={entry}: it has {len(record['text'])} texts a row, and the task {len(text)}")
    if own.picks_one:
        class_groups(list(map(str, names)), record["label_names"], record.get("stands_for") or {}, entry)
    elif list(record["label_names"]) != list(names):
        raise UserError(f"data.also={entry}: its classes are {record['label_names']}, and the task's {list(names)}")
