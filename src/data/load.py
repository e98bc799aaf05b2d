"""From the `data` config to the splits of one task. Knows no task and no source by name."""

import functools
import hashlib
import inspect
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from datasets import Dataset
from hydra.utils import get_method
from omegaconf import DictConfig, OmegaConf

from src.config.known_names import TARGET
from src.data.cluster_column import taken_out
from src.data.extra_splits import extra_splits
from src.data.partition import fingerprint, split_off, subset
from src.data.task import Task
from src.tasks import label_space
from src.tasks.kinds import space_in
from src.utils.errors import UserError, in_short

log = logging.getLogger(__name__)

HOLDOUT = "holdout"


@dataclass(frozen=True)
class TaskData:
    """A task and its rows.

    ``splits`` holds ``train``, ``holdout`` if it was asked for, each evaluation split, and the source's other splits.
    ``fingerprint`` names the rows of train, holdout and evaluation splits, and which rows are in which. ``clusters``
    has by split what each row is part of, by its ``idx``, where ``data.cluster`` names a column. ``also`` has what is
    asked of the splits that ``data.also`` names, by their names; no fingerprint is of them.
    """

    task: Task
    splits: dict[str, Dataset]
    fingerprint: str
    clusters: dict[str, dict[int, str]] = field(default_factory=dict)
    also: dict[str, Task] = field(default_factory=dict)

    @property
    def evaluated(self) -> list[str]:
        """The splits that are scored: the rows held out, if any were, the evaluation splits, and further sets."""
        return [split for split in (HOLDOUT, *self.task.evaluation_splits, *self.also) if split in self.splits]

    def task_of(self, split: str) -> Task:
        """What is asked of a split."""
        return self.also.get(split, self.task)

    def texts(self) -> list[str]:
        """The training texts, a pair as one."""
        rows = self.splits["train"]
        pairs = rows["text_pair"] if "text_pair" in rows.column_names else [""] * len(rows)
        return [f"{text} {pair}".strip() for text, pair in zip(rows["text"], pairs, strict=True)]


def load_data(cfg: Mapping[str, Any] | DictConfig, *, holdout: bool) -> TaskData:
    """Load the task that the `data` config describes; a second call with equal arguments returns the same object.

    Args:
        cfg: the config's ``data`` node.
        holdout: split ``holdout_fraction`` of train off (at most ``holdout_max`` rows; stratified by class). The rows
            are the same for every method and seed.

    Raises:
        UserError: an unknown source, a split or column that is missing, or a malformed row.
    """
    node = OmegaConf.to_container(_rooted(cfg), resolve=True)
    assert isinstance(node, dict)
    for key in ("max_length", "long"):  # tokenisation's business: they would split the memory below for nothing
        node.pop(key, None)
    return _load(json.dumps(node, default=str), holdout)


def _rooted(cfg: Mapping[str, Any] | DictConfig) -> DictConfig:
    """Return the node under a root named as in the whole config, so that ``${data.dir}`` means something."""
    if isinstance(cfg, DictConfig) and cfg._get_parent() is not None:
        return cfg
    return OmegaConf.create({"data": cfg}).data


@functools.lru_cache(maxsize=8)
def _load(config: str, holdout: bool) -> TaskData:
    cfg = json.loads(config)
    splits = _read(cfg)
    clusters = taken_out(splits)
    task = _task(cfg, splits)
    needed = ["train", *task.evaluation_splits]
    if missing := [split for split in needed if split not in splits]:
        raise UserError(
            f"data={task.name}: no split {', '.join(missing)} in source {cfg['source']!r}; it has {', '.join(splits)}"
        )
    if unlabelled := [split for split in needed if "label" not in splits[split].column_names]:
        raise UserError(f"data={task.name}: the {unlabelled[0]} split has no labels in source {cfg['source']!r}")
    _compare_row_counts(task, splits, cfg.get("rows") or {})

    splits["train"] = subset(splits["train"], cfg.get("max_train_samples"))
    for split in task.evaluation_splits:
        splits[split] = subset(splits[split], cfg.get("max_eval_samples"))
    if holdout:
        splits["train"], splits[HOLDOUT] = split_off(
            splits["train"], cfg["holdout_fraction"], cfg["holdout_max"], task.space.kind.strata
        )
        needed.append(HOLDOUT)
    digest = hashlib.sha256(repr([(split, fingerprint(splits[split])) for split in needed]).encode())
    extra = extra_splits(cfg, task, _read)
    splits |= {name: rows for name, (rows, _) in extra.items()}
    return TaskData(task, splits, digest.hexdigest(), clusters, {name: own for name, (_, own) in extra.items()})


def _read(cfg: Mapping[str, Any]) -> dict[str, Dataset]:
    """Call the loader of the chosen source."""
    sources, source = cfg["sources"], cfg["source"]
    if source not in sources:
        near = get_close_matches(str(source), sources, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"data.source={source}: {hint}data={cfg['name']} can be read from {', '.join(sources)}")
    if len({*cfg["text"], cfg["label"]}) <= len(cfg["text"]):
        raise UserError(f"data.text={cfg['text']}, data.label={cfg['label']}: expected different columns")
    if not isinstance(sources[source], Mapping) or TARGET not in sources[source]:
        raise UserError(f"data.sources.{source} names no loader: {TARGET} is missing")
    # Looked up and called here: instantiate would resolve its values once more, and make objects of nested ones.
    options = {key: value for key, value in sources[source].items() if key not in (TARGET, "_partial_")}
    load = functools.partial(_loader(source, sources[source][TARGET]), **options)
    if cfg.get("cluster"):
        if "cluster" not in inspect.signature(load.func).parameters:
            raise UserError(
                f"data.cluster={cfg['cluster']}: data={cfg['name']} from {source!r} has no columns but texts and label"
            )
        load.keywords["cluster"] = cfg["cluster"]
    try:
        inspect.signature(load.func).bind(**load.keywords)
    except TypeError as error:
        raise UserError(f"data.sources.{source}: {error}; see {load.func.__module__}.{load.func.__name__}") from None
    return dict(load())


def _loader(source: str, target: object) -> Any:
    """The function of a source by its dotted name, one of the user's own among them."""
    try:
        return get_method(str(target))
    except (ImportError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"data.sources.{source}.{TARGET}={target} is no function's dotted name: {in_short(error)}"
        ) from error


def _task(cfg: Mapping[str, Any], splits: Mapping[str, Dataset]) -> Task:
    names, kind = cfg["label_names"], cfg.get("kind")
    if names is None:  # the loader found the classes in the data
        space = space_in(splits["train"].features["label"], kind)
    else:
        space = label_space(tuple(map(str, names)), kind)
    return Task(
        name=cfg["name"],
        text=tuple(cfg["text"]),
        label=cfg["label"],
        label_names=space.names,
        metrics=tuple(cfg["metrics"]),
        primary_metric=cfg["primary_metric"],
        evaluation_splits=tuple(cfg["evaluation_splits"]),
        kind=space.kind.name,
    )


def _compare_row_counts(task: Task, splits: Mapping[str, Dataset], published: Mapping[str, int]) -> None:
    """Say so when a split is not the published one: scores on it cannot be compared with the literature."""
    for split, expected in published.items():
        if split in splits and len(splits[split]) != expected:
            log.warning(
                "data=%s: the %s split has %d rows, the published one %d",
                task.name,
                split,
                len(splits[split]),
                expected,
            )


def forget() -> None:
    """Drop what `load_data` keeps in memory, so that changed files are read again."""
    _load.cache_clear()
