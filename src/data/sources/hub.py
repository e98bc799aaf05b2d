"""Data sets of the Hugging Face hub: from its local cache if they are there, else downloaded, else a quick refusal."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import datasets
import huggingface_hub
from datasets import ClassLabel, Dataset, DatasetDict

from src.data.normalise import normalise, rows_of
from src.data.sources.task_files import joined
from src.data.task import is_test
from src.tasks import label_space
from src.utils.errors import UserError
from src.utils.hub_access import require_hub

log = logging.getLogger(__name__)


def load_hub(
    *,
    path: str,
    config: str | None,
    splits: Mapping[str, str],
    text: Sequence[str],
    label: str,
    label_names: Sequence[str],
    kind: str | None = None,
    revision: str | None = None,
    cluster: str | None = None,
    join: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Dataset]:
    """Load a published set whose YAML states its labels.

    Args:
        path: the set's name on the hub.
        config: the part of it, or None.
        splits: the hub's split name per split here.
        text: the text columns.
        label: the label column. A test split whose labels are all -1 counts as unlabelled.
        label_names: the classes in order; none where labels are numbers.
        kind: of the task; None for the one that the classes imply.
        revision: branch, tag or commit on the hub.
        cluster: the column that says what a row is part of, see ``src.data.cluster_column``.
        join: columns that are made of others, with a space between them.

    Raises:
        UserError: neither cached nor reachable; a split or column that is missing; labels in another order.
    """
    task = label_space(label_names, kind).kind
    source = fetch(path, config, revision)
    loaded = {}
    for split, theirs in splits.items():
        if theirs not in source:
            raise UserError(f"{_name(path, config)} has no split {theirs!r}; it has {', '.join(source)}")
        data = source[theirs]
        feature = data.features.get(label)
        named = isinstance(feature, ClassLabel) and feature.names != [str(i) for i in range(len(feature.names))]
        if task.picks_one and named and feature.names != list(label_names):
            raise UserError(
                f"{_name(path, config)}: the classes are {feature.names}, the task's label_names {list(label_names)}"
            )
        parts = [name for own in (join or {}).values() for name in own]
        columns = column_lists(data, [*text, *task.columns_read(text), *parts, label, *([cluster] if cluster else [])])
        joined(columns, join or {}, rows_of(f"{_name(path, config)} {split}"))
        loaded[split] = normalise(
            columns,
            text=text,
            label=None if is_test(split) and unlabelled(columns.get(label)) else label,
            label_names=label_names,
            kind=kind,
            label_encoding=range(len(label_names)),
            place=rows_of(f"{_name(path, config)} {split}"),
            allow_empty_text=True,
            cluster=cluster,
        )
    return loaded


def fetch(path: str, config: str | None = None, revision: str | None = None) -> DatasetDict:
    """Return a hub set's splits, without a word on the console.

    Raises:
        UserError: it is not in the local cache and the hub does not answer, or the hub does not know it.
    """
    what = _name(path, config)
    with _quiet():
        try:
            with _offline():
                return datasets.load_dataset(path, config, revision=revision)
        except Exception as error:  # what a miss raises depends on how much of the set the cache knows
            log.debug("%s is not in the local cache: %s", what, error)
        require_hub(what)
        log.info("downloading %s", what)
        try:
            return datasets.load_dataset(path, config, revision=revision)
        except Exception as error:  # not found, unknown config, gated, a script, a broken file: all the user's to mend
            raise UserError(f"{what} could not be loaded: {type(error).__name__}: {error}") from error


def column_lists(data: Dataset, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the named columns as lists, and the others (only ever listed in a message) empty."""
    return {name: data[name][:] if name in names else [] for name in data.column_names}


def unlabelled(labels: Sequence[object] | None) -> bool:
    """Whether a split comes without labels: no column, or -1 throughout, as GLUE's test splits."""
    return labels is None or all(label == -1 for label in labels)


def _name(path: str, config: str | None) -> str:
    return f"data set {path!r}" + (f" ({config})" if config else "")


@contextmanager
def _offline() -> Iterator[None]:
    """Make the libraries look into the local cache alone: they read these switches at every call."""
    with (
        patch.object(datasets.config, "HF_HUB_OFFLINE", True),
        patch.object(huggingface_hub.constants, "HF_HUB_OFFLINE", True),
    ):
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the libraries' progress bars and warnings, and put everything back."""
    bars, verbosity = datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    hub_bars, hub_verbosity = (
        huggingface_hub.utils.are_progress_bars_disabled(),
        huggingface_hub.logging.get_verbosity(),
    )
    with ExitStack() as restore:
        datasets.logging.set_verbosity_error()
        restore.callback(datasets.logging.set_verbosity, verbosity)
        huggingface_hub.logging.set_verbosity_error()
        restore.callback(huggingface_hub.logging.set_verbosity, hub_verbosity)
        if not bars:
            datasets.disable_progress_bars()
            restore.callback(datasets.enable_progress_bars)
        if not hub_bars:
            huggingface_hub.utils.disable_progress_bars()
            restore.callback(huggingface_hub.utils.enable_progress_bars)
        yield
