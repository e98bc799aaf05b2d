"""The tasks of a run as one: their records, their rows side by side, and how often each task's rows are drawn.

One task is a mix of one. What it needs less (a name in front of a split's, a column that tells its rows from others,
a mean over tasks) is left out here and nowhere else.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, List, Value, concatenate_datasets
from omegaconf import DictConfig, OmegaConf

from src.data.cut import CUT, cut_inputs, warn_of_cuts, windows_in
from src.data.encode import encode
from src.data.load import HOLDOUT, TaskData, load_data
from src.data.task import Task
from src.tasks import LabelSpace
from src.tasks.list_collator import ListCollator
from src.tasks.signatures import Collator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)

MEAN, WHOLE = "mean", "validation"  # the score of several tasks, and the split that stands for theirs
COMMON = ("input_ids", "attention_mask", "token_type_ids", "idx", "length", "task")  # columns of every kind's rows
FROM_THE_MIX = ("max_train_samples", "max_eval_samples", "holdout_fraction", "holdout_max")


@dataclass(frozen=True)
class Mix:
    """The tasks of a run, in the order of their numbers.

    Attributes:
        name: of the data.
        text: the text columns of the one task; none of several.
        primary_metric: what the run is scored by; of several tasks the mean of theirs.
        evaluation_splits: the splits that the run is scored on; of several tasks one that stands for theirs.
        parts: the tasks and their rows, by name.
        fingerprint: names all rows, and which are in which split.
        quotas: rows to draw from each task in an epoch; None draws every row once.
    """

    name: str
    text: tuple[str, ...]
    primary_metric: str
    evaluation_splits: tuple[str, ...]
    parts: dict[str, TaskData]
    fingerprint: str
    quotas: list[int] | None = None

    @property
    def several(self) -> bool:
        return len(self.parts) > 1

    @property
    def tasks(self) -> list[str] | None:
        """The names of several tasks, for the record; one is named by the data."""
        return list(self.parts) if self.several else None

    @property
    def rows(self) -> dict[str, int]:
        """How many rows there are to train on, and in every split that is evaluated."""
        train = sum(len(part.splits["train"]) for part in self.parts.values())
        return {"train": train} | {
            self._split(name, split): len(part.splits[split])
            for name, part in self.parts.items()
            for split in part.evaluated
        }

    @property
    def spaces(self) -> dict[str, LabelSpace]:
        """What each task's head answers."""
        return {name: part.task.space for name, part in self.parts.items()}

    @property
    def label_columns(self) -> set[str]:
        """The columns of encoded rows that hold what is to be answered, or what the kinds note of it."""
        kinds = [space.kind for space in self.spaces.values()]
        return {column for kind in kinds for column in (*kind.label_columns, *kind.note_columns)}

    def split_tasks(self) -> dict[str, Task]:
        """The task of every split that is evaluated."""
        return {
            self._split(name, split): part.task_of(split)
            for name, part in self.parts.items()
            for split in part.evaluated
        }

    @property
    def also(self) -> tuple[str, ...]:
        """The further sets that are evaluated, of one task."""
        return tuple(name for part in self.parts.values() for name in part.also)

    def clusters(self) -> dict[str, dict[int, str]]:
        """By evaluated split what each row is part of, by its ``idx``; of the tasks whose data say so."""
        return {
            self._split(name, split): part.clusters[split]
            for name, part in self.parts.items()
            for split in part.evaluated
            if split in part.clusters
        }

    def texts(self) -> list[str]:
        """The training texts, a pair as one."""
        return [text for part in self.parts.values() for text in part.texts()]

    def collator(self, tokenizer: "PreTrainedTokenizerBase") -> Collator:
        """From encoded rows to a padded batch, of all tasks at once."""
        found = [space.kind.collator(tokenizer) for space in self.spaces.values()]
        if not self._lists:
            return found[0]
        return found[0] if len(found) == 1 else ListCollator(tokenizer)

    @property
    def _lists(self) -> bool:
        """Whether a task has a list of labels a row."""
        return any(space.kind.several_labels for space in self.spaces.values())

    def encode(self, tokenizer: "PreTrainedTokenizerBase", max_length: int, long: str = CUT) -> dict[str, Dataset]:
        """Tokenise every task; see ``encode``. Of a mix every text is one row: ``long`` is ``cut``.

        Returns:
            ``train`` with the rows of all tasks, and every split that is evaluated: ``SPLIT``, or ``TASK/SPLIT`` of
            several tasks. Of these a column ``task`` holds the number of a row's task, and labels are float32
            everywhere, or lists of them: classes and numbers share a column.
        """
        train, rows = [], {}
        for number, (name, part) in enumerate(self.parts.items()):
            for split, encoded in encode(part, tokenizer, max_length, ["train", *part.evaluated], long).items():
                own = _marked(encoded, number) if self.several else encoded
                if split == "train":
                    train.append(_with_lists(own) if self.several and self._lists else own)
                else:
                    rows[self._split(name, split)] = own
        return {"train": concatenate_datasets(train) if self.several else train[0]} | rows

    def cut(
        self, rows: Mapping[str, Dataset], tokenizer: "PreTrainedTokenizerBase", max_length: int, long: str = CUT
    ) -> dict[str, dict[str, float]]:
        """What ``max_length`` has cut off each split of ``encode``'s; of several tasks the evaluated ones alone."""
        if long != CUT:
            for split, own in rows.items():
                if windows := windows_in(own):
                    log.info("%s: the texts are read in %d windows", split, windows)
            return {split: {"rows": 0.0, "tokens": 0.0} for split in rows}
        found = {}
        for name, part in self.parts.items():
            for split in [*([] if self.several else ["train"]), *part.evaluated]:
                own = self._split(name, split)
                if share := cut_inputs(part.splits[split], rows[own], tokenizer, max_length, part.task.space.kind):
                    found[own] = share
        warn_of_cuts(found, max_length)
        return found

    def with_means(self, metrics: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
        """Add splits that stand for all tasks: the mean of their primary metrics, and every metric as ``TASK/METRIC``.

        Args:
            metrics: split (of several tasks ``TASK/SPLIT``) -> metric -> value.

        Returns:
            The metrics; of several tasks with ``validation`` (each task's first evaluation split; further ones as
            ``TASK/METRIC/SPLIT``) and, if rows are held out, ``holdout``.
        """
        found = {split: dict(values) for split, values in metrics.items()}
        return found | _means(metrics, self.split_tasks()) if self.several else found

    def _split(self, task: str, split: str) -> str:
        return f"{task}/{split}" if self.several else split


def load_mix(cfg: Mapping[str, Any] | DictConfig, *, holdout: bool) -> Mix:
    """Load every task that a ``data`` node names; see ``load_data``.

    Args:
        cfg: the node.
        holdout: split rows off each task's train split.
    """
    if "tasks" not in cfg:
        part = load_data(cfg, holdout=holdout)
        own = part.task
        return Mix(own.name, own.text, own.primary_metric, own.evaluation_splits, {own.name: part}, part.fingerprint)
    plain: Any = OmegaConf.to_container(cfg, resolve=True) if isinstance(cfg, DictConfig) else cfg
    records = plain["sources"][plain["source"]]["records"]
    common = {key: plain[key] for key in FROM_THE_MIX}
    parts = {name: load_data({**record, **common}, holdout=holdout) for name, record in records.items()}
    digest = hashlib.sha256(repr([(name, part.fingerprint) for name, part in parts.items()]).encode())
    sizes = [len(part.splits["train"]) for part in parts.values()]
    drawn = None if plain["mix"]["sampling"] == "size" else quotas(sizes, **plain["mix"])
    return Mix(plain["name"], (), MEAN, (WHOLE,), parts, digest.hexdigest(), drawn)


def quotas(sizes: Sequence[int], sampling: str, temperature: float) -> list[int]:
    """Rows to draw from each task in an epoch, which is as long as all rows together.

    In proportion to n (``size``), 1 (``equal``) or n^(1/T) (``temperature``) of a task with n rows, by the largest
    remainders; at least one.
    """
    power = {"size": 1.0, "equal": 0.0, "temperature": 1 / temperature}[sampling]
    weights = np.asarray(sizes, dtype=float) ** power
    exact = weights / weights.sum() * sum(sizes)
    found = np.floor(exact).astype(int)
    rest = np.argsort(-(exact - found), kind="stable")[: sum(sizes) - found.sum()]
    found[rest] += 1
    return np.maximum(found, 1).tolist()


def _marked(rows: Dataset, number: int) -> Dataset:
    if not isinstance(rows.features["labels"], List):
        rows = rows.cast_column("labels", Value("float32"))
    return rows.add_column("task", [number] * len(rows))


def _with_lists(rows: Dataset) -> Dataset:
    """The columns that the rows of all kinds have, labels as lists of float32."""
    table = rows.with_format("arrow")[:]
    labels = table["labels"].combine_chunks()
    if not isinstance(rows.features["labels"], List):
        labels = pa.ListArray.from_arrays(pa.array(range(len(rows) + 1), pa.int32()), labels)
    features = {name: own for name, own in rows.features.items() if name in COMMON} | {"labels": List(Value("float32"))}
    arrays = [labels.cast(pa.list_(pa.float32())) if name == "labels" else table[name] for name in features]
    return Dataset(pa.table(arrays, schema=Features(features).arrow_schema))


def _means(metrics: Mapping[str, Mapping[str, float]], tasks: Mapping[str, Task]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    primary: dict[str, list[float]] = {}
    for key, task in tasks.items():
        name, _, split = key.partition("/")
        first = split in (HOLDOUT, task.evaluation_splits[0])
        whole = HOLDOUT if split == HOLDOUT else WHOLE
        if first:
            primary.setdefault(whole, []).append(metrics[key][task.primary_metric])
        ending = "" if first else f"/{split}"
        found.setdefault(whole, {}).update(
            {f"{name}/{metric}{ending}": value for metric, value in metrics[key].items()}
        )
    return {whole: {MEAN: float(np.mean(values)), **found[whole]} for whole, values in primary.items()}
