"""Several tasks as one: their records, their rows side by side, and how often each task's rows are drawn."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset, Value, concatenate_datasets

from src.data.encode import encode
from src.data.load import TaskData, load_data
from src.data.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MEAN = "mean"
FROM_THE_MIX = ("max_train_samples", "max_eval_samples", "holdout_fraction", "holdout_max")


@dataclass(frozen=True)
class MixedTask(Task):
    """Stands for all tasks of a mix: scored by the mean of their primary metrics, on splits that stand for theirs."""

    def __post_init__(self) -> None:
        """The tasks have been checked; this has no labels and no metric file of its own."""


@dataclass(frozen=True)
class MixedData:
    """The tasks of a mix, in the order of their numbers; ``quotas`` is None where every row is drawn once an epoch."""

    task: MixedTask
    parts: dict[str, TaskData]
    fingerprint: str
    quotas: list[int] | None

    def split_tasks(self) -> dict[str, Task]:
        """The task of every split that is evaluated."""
        return {
            f"{name}/{split}": part.task
            for name, part in self.parts.items()
            for split in ("holdout", *part.task.evaluation_splits)
            if split in part.splits
        }


def is_mix(cfg: Mapping[str, Any]) -> bool:
    """Whether a ``data`` node names several tasks."""
    return "tasks" in cfg


def load_mix(cfg: Mapping[str, Any], *, holdout: bool) -> MixedData:
    """Load every task of a mix; see ``load_data``.

    Args:
        cfg: the ``data`` node as plain containers, interpolations resolved.
        holdout: split rows off each task's train split.
    """
    records = cfg["sources"][cfg["source"]]["records"]
    own = {key: cfg[key] for key in FROM_THE_MIX}
    parts = {name: load_data({**record, **own}, holdout=holdout) for name, record in records.items()}
    task = MixedTask(cfg["name"], (), "label", (), (MEAN,), MEAN, ("validation",))
    digest = hashlib.sha256(repr([(name, part.fingerprint) for name, part in parts.items()]).encode())
    sizes = [len(part.splits["train"]) for part in parts.values()]
    drawn = None if cfg["mix"]["sampling"] == "size" else quotas(sizes, **cfg["mix"])
    return MixedData(task, parts, digest.hexdigest(), drawn)


def encode_mix(data: MixedData, tokenizer: "PreTrainedTokenizerBase", max_length: int) -> dict[str, Dataset]:
    """Tokenise every task; see ``encode``.

    Returns:
        ``train`` with the rows of all tasks, and ``TASK/SPLIT`` for each split that is evaluated. A column ``task``
        holds the number of a row's task. Labels are float32 everywhere: classes and regressions share a column.
    """
    rows: dict[str, Dataset] = {}
    train = []
    for number, (name, part) in enumerate(data.parts.items()):
        evaluated = [split for split in ("holdout", *part.task.evaluation_splits) if split in part.splits]
        for split, encoded in encode(part, tokenizer, max_length, ["train", *evaluated]).items():
            marked = encoded.cast_column("labels", Value("float32")).add_column("task", [number] * len(encoded))  # type: ignore[call-arg]
            if split == "train":
                train.append(marked)
            else:
                rows[f"{name}/{split}"] = marked
    return {"train": concatenate_datasets(train)} | rows


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


def with_means(metrics: Mapping[str, Mapping[str, float]], tasks: Mapping[str, Task]) -> dict[str, dict[str, float]]:
    """Add splits that stand for all tasks: the mean of their primary metrics, and every metric as ``TASK/METRIC``.

    Args:
        metrics: split (``TASK/SPLIT``) -> metric -> value.
        tasks: the task of every split.

    Returns:
        The metrics with ``validation`` (each task's first evaluation split; further ones as ``TASK/METRIC/SPLIT``) and,
        if rows are held out, ``holdout``.
    """
    found: dict[str, dict[str, float]] = {}
    primary: dict[str, list[float]] = {}
    for key, task in tasks.items():
        name, _, split = key.partition("/")
        first = split in ("holdout", task.evaluation_splits[0])
        whole = "holdout" if split == "holdout" else "validation"
        if first:
            primary.setdefault(whole, []).append(metrics[key][task.primary_metric])
        ending = "" if first else f"/{split}"
        found.setdefault(whole, {}).update(
            {f"{name}/{metric}{ending}": value for metric, value in metrics[key].items()}
        )
    means = {whole: {MEAN: float(np.mean(values)), **found[whole]} for whole, values in primary.items()}
    return {split: dict(values) for split, values in metrics.items()} | means
