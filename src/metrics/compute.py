"""From logits and labels to named numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.metrics.metric import Reads
from src.metrics.names import check_metrics, get_metric
from src.utils.cache import cache_dir
from src.utils.places import UnwritableError, explain

MODULE = Path(__file__).with_name("evaluate_module.py")
ComputeFunction = Callable[[np.ndarray, np.ndarray], dict[str, float]]


def make_compute(metric_names: Sequence[str], regression: bool) -> ComputeFunction:
    """Return ``f(logits, labels) -> {metric name: value}``.

    ``logits`` is ``(n, classes)`` for classification (the largest wins) and ``(n,)`` or ``(n, 1)`` for regression.
    A metric without a defined value (Pearson of constant predictions) is nan, and logits that are not finite make every
    metric nan: argmax would turn a diverged model's nan into an innocent-looking class 0.

    Raises:
        UserError: an unknown metric, or one of the other kind.
    """
    check_metrics(metric_names, num_labels=1 if regression else None)
    reads = {name: get_metric(name).reads for name in metric_names}
    if not regression and (other := [name for name, what in reads.items() if what is Reads.VALUES]):
        check_metrics(other, num_labels=2)  # raises: a regression metric for classes
    modules = {name: _load(name) for name in metric_names}

    def compute(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        logits, labels = np.asarray(logits), np.asarray(labels)
        if len(logits) != len(labels):
            raise ValueError(f"{len(logits)} logits for {len(labels)} labels")
        if not len(labels) or not np.isfinite(logits).all():
            return dict.fromkeys(modules, math.nan)
        labels = labels if regression else labels.astype(np.int64)  # floats where tasks of both kinds share a column
        return {name: _value(modules[name], name, _read(what, logits), labels) for name, what in reads.items()}

    return compute


def _read(what: Reads, logits: np.ndarray) -> np.ndarray:
    """What a metric reads, of (n, outputs) logits."""
    if what is Reads.VALUES:
        return logits.reshape(len(logits))
    if what is Reads.SCORES:
        shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
        return shifted / shifted.sum(axis=-1, keepdims=True)
    return logits.argmax(axis=-1)


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
