"""The rows of ``data.also``: sets that a run is evaluated on besides its own splits, and never selected by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from src.config.also import also_record, check_fits, class_groups, is_file, split_name
from src.data.cluster_column import taken_out
from src.data.label_encoding import decide_labels, required_class
from src.data.normalise import normalise
from src.data.partition import subset
from src.data.sources.table_files import read_table
from src.data.task import Task
from src.tasks import LabelSpace
from src.tasks.joined_classes import JoinedClasses
from src.utils.errors import UserError

Read = Callable[[Mapping[str, Any]], dict[str, Dataset]]


@dataclass(frozen=True)
class ExtraTask(Task):
    """A further set as the task whose head answers it: its own classes and metrics.

    Attributes:
        groups: by class, the numbers of the head's classes that it is; empty where they are the head's in their order.
    """

    groups: tuple[tuple[int, ...], ...] = ()

    @property
    def space(self) -> LabelSpace:
        return LabelSpace(JoinedClasses(self.groups), self.label_names) if self.groups else super().space

    @property
    def has_loss(self) -> bool:
        return all(len(group) == 1 for group in self.groups)

    @property
    def class_numbers(self) -> tuple[int, ...]:
        return tuple(group[0] for group in self.groups) or super().class_numbers


def extra_splits(cfg: Mapping[str, Any], task: Task, read: Read) -> dict[str, tuple[Dataset, Task]]:
    """The rows of each set by its name, labelled with the head's classes, and what is asked of them.

    Args:
        cfg: the ``data`` node.
        task: whose head answers.
        read: the splits that a record describes.

    Raises:
        UserError: for a set that does not fit the task, or lacks the split that it is evaluated on.
    """
    return {
        split_name(entry): _of_file(entry, cfg, task) if is_file(entry) else _of_record(entry, cfg, task, read)
        for entry in cfg.get("also") or ()
    }


def _of_file(entry: str, cfg: Mapping[str, Any], task: Task) -> tuple[Dataset, Task]:
    """A table with the task's columns; labels are written as the task's classes, or as their numbers."""
    table, kind = read_table(Path(entry).expanduser()), task.space.kind
    values = dict(table.values)
    if (made := kind.column_of(values, task.label, task.label_names)) is not None:
        values[task.label] = list(made)
    if task.label not in values:
        raise UserError(f"{table.place(0)}: no column {task.label!r}; the columns are {', '.join(map(repr, values))}")
    labels = decide_labels(values[task.label], task.label, table.place, task.label_names, task.kind)
    if kind.picks_one:
        values[task.label] = [
            required_class(value, task.label, table.place, row) for row, value in enumerate(values[task.label])
        ]
    rows = normalise(
        values,
        text=task.text,
        label=task.label,
        label_names=task.label_names,
        kind=task.kind,
        label_encoding=labels.label_encoding,
        place=table.place,
    )
    return subset(rows, cfg.get("max_eval_samples")), _as_extra(task)


def _of_record(entry: str, cfg: Mapping[str, Any], task: Task, read: Read) -> tuple[Dataset, Task]:
    record = also_record(entry, cfg)
    check_fits(entry, record, task.space.kind.name, task.label_names, task.text)
    split, source = record["evaluation_splits"][0], record["sources"][record["source"]]
    for key in ("files", "splits"):  # what is not evaluated need not be there
        if split in (source.get(key) or ()):
            source[key] = {split: source[key][split]}
    found = read(record)
    if split not in found or "label" not in found[split].column_names:
        raise UserError(f"data.also={entry}: no split {split} with labels; it has {', '.join(found)}")
    taken_out(found)
    rows = subset(found[split], cfg.get("max_eval_samples"))
    groups: tuple[tuple[int, ...], ...] = ()
    if task.space.kind.picks_one:
        groups = class_groups(task.label_names, record["label_names"], record.get("stands_for") or {}, entry)
        numbers = [groups[label][0] for label in rows["label"]]
        rows = rows.remove_columns("label").add_column("label", numbers)
        rows = Dataset(rows.with_format("arrow")[:])
        groups = () if groups == tuple((n,) for n in range(len(groups))) else groups
    own = {"label_names": tuple(record["label_names"]), "metrics": tuple(record["metrics"])}
    return rows, _as_extra(task, groups=groups, primary_metric=record["primary_metric"], **own)


def _as_extra(task: Task, **own: Any) -> ExtraTask:
    fields = {name: getattr(task, name) for name in Task.__dataclass_fields__}
    return ExtraTask(**(fields | own))
