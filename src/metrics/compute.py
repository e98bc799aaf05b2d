"""From logits and labels to named numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.metrics.metric import Reads
from src.metrics.names import get_metric
from src.utils.cache import cache_dir
from src.utils.places import UnwritableError, explain

MODULE = Path(__file__).with_name("evaluate_module.py")
Array = NDArray[Any]
ComputeFunction = Callable[[Array, Array], dict[str, float]]


def make_compute(
    metric_names: Sequence[str], read: Callable[[Reads, Array], Array], labelled: Callable[[Array], Array]
) -> ComputeFunction:
    """Return ``f(logits, labels) -> {metric name: value}``.

    A metric without a defined value (Pearson of constant predictions) is nan, and logits that are not finite make every
    metric nan: argmax would turn a diverged model's nan into an innocent-looking class 0.

    Args:
        metric_names: of metrics that fit the task, see ``check_metrics``.
        read: what a metric reads, of the logits (n, ...).
        labelled: the labels (n, ...) as a metric takes them, of those of a batch.

    Raises:
        UserError: an unknown metric.
    """
    reads = {name: get_metric(name).reads for name in metric_names}
    modules = {name: _load(name) for name in metric_names}

    def compute(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        logits, labels = np.asarray(logits), np.asarray(labels)
        if len(logits) != len(labels):
            raise ValueError(f"{len(logits)} logits for {len(labels)} labels")
        if not len(labels) or not np.isfinite(logits).all():
            return dict.fromkeys(modules, math.nan)
        labels = labelled(labels)
        return {name: _value(modules[name], name, read(what, logits), labels) for name, what in reads.items()}

    return compute


def _value(module: Any, name: str, predictions: np.ndarray, labels: np.ndarray) -> float:
    result: Mapping[str, float] = module.compute(predictions=predictions, references=labels)
    return float(result[name])


def _load(name: str) -> Any:
    """Load one metric. Kept in memory, so that processes that evaluate at once share no file and wait for no lock."""
    import evaluate

    try:
        return evaluate.load(str(MODULE), name, keep_in_memory=True, cache_dir=str(cache_dir("evaluate")))
    except OSError as error:
        raise UnwritableError(f"metric {name!r} could not be prepared in the user's cache: {explain(error)}") from error
