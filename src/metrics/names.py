"""Which metrics there are, and which of them fit which labels. Imports nothing heavy: configs are checked with it."""

import functools
import importlib
import pkgutil
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches

from src.metrics import definitions
from src.metrics.metric import Metric, Reads
from src.utils.errors import UserError


@functools.cache
def all_metrics() -> Mapping[str, Metric]:
    """Every metric by its name: the ``METRIC`` of each file in ``definitions``."""
    names = sorted(module.name for module in pkgutil.iter_modules(definitions.__path__))
    found = {name: importlib.import_module(f"{definitions.__name__}.{name}").METRIC for name in names}
    assert all(metric.name == name for name, metric in found.items()), "a metric has its file's name"
    return found


def get_metric(name: str) -> Metric:
    """A metric by its name.

    Raises:
        UserError: if there is none of that name.
    """
    check_metrics([name])
    return all_metrics()[name]


def greater_is_better(name: str) -> bool:
    """Whether a metric is a score, not an error; one that is none of ours, as a foreign record may have, is a score."""
    metric = all_metrics().get(name)
    return metric is None or metric.greater_is_better


def metric_names(reads: Collection[Reads] | None = None) -> list[str]:
    """The names of the metrics that read one of these; None: of all."""
    return [name for name, metric in all_metrics().items() if reads is None or metric.reads in reads]


def check_metrics(names: Sequence[str], reads: Collection[Reads] | None = None, task: str = "the task") -> None:
    """See that names are of metrics that fit a task.

    Args:
        names: in configs.
        reads: what the task has for a metric to read; None where that is not known yet.
        task: what is said of it in a message.

    Raises:
        UserError: if there is none, one is unknown, or reads something else.
    """
    choices = metric_names(reads)
    if not names:
        raise UserError(f"no metric is named; choose from {', '.join(choices)}")
    for name in names:
        if name in choices:
            continue
        if name in all_metrics():
            raise UserError(f"metric {name!r} does not fit {task}; choose from {', '.join(choices)}")
        near = get_close_matches(str(name), choices, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"unknown metric {name!r}: {hint}choose from {', '.join(choices)}")
