"""Whether a run's scores are those of its own predictions."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from src.compare.grouping import held_fixed
from src.compare.settings import same_value, settings_of
from src.compare.statistics.panel import Array
from src.runs.predictions_reading import MOST_CLASSES, Predictions, PredictionsError, read_split
from src.runs.reading import Run
from src.runs.store import VERSION, Store
from src.utils.errors import in_short

PROBLEM = "problem"
OF_CLASSES = frozenset({"accuracy", "matthews_correlation", "f1", "f1_macro", "f1_weighted", "precision", "recall"})
OF_VALUES = frozenset({"pearson", "spearmanr", "mse", "mae"})
# What rounding leaves between two ways to compute a metric, relative to values above 1; the values of a regression are
# kept in single precision.
TOLERANCE = {**dict.fromkeys(OF_CLASSES, 1e-6), **dict.fromkeys(OF_VALUES, 1e-5)}


def verified(runs: Sequence[Run], store: Store | None = None) -> list[Run]:
    """The runs, with a problem for each whose record gives other scores than its predictions do.

    A run whose predictions are missing or cannot be read contradicts nothing.

    Args:
        runs: from ``find_runs``.
        store: keeps the answers between calls.
    """
    keys = {str(run.folder): _key(run) for run in runs if run.problem is None}
    known = store.results(list(keys.values())) if store else {}
    kept = {folder: known[key] for folder, key in keys.items() if key in known}
    problems = {folder: found[PROBLEM] for folder, found in kept.items() if _is_sound(found)}
    fresh = {str(run.folder): _unusable(run) or contradiction(run) for run in runs
             if run.problem is None and str(run.folder) not in problems}  # fmt: skip
    if store:
        store.keep_results({keys[folder]: {PROBLEM: reason} for folder, reason in fresh.items()})
    problems |= fresh
    return [replace(run, problem=run.problem or problems.get(str(run.folder))) for run in runs]


def _is_sound(found: dict[str, Any]) -> bool:
    return found.keys() == {PROBLEM} and isinstance(found[PROBLEM], str | None)


def _unusable(run: Run) -> str | None:
    """The last net: what a comparison asks of each record by itself must not fail for all of them."""
    try:
        repr((held_fixed(run), [same_value(value) for value in settings_of(run).values()], run.peak_mb, run.train_s))
    except Exception as error:
        return f"its record cannot be used: {in_short(error)}"
    return None


def contradiction(run: Run) -> str | None:
    """The first score at the selected epoch that is not what the predictions give."""
    primary = run.record["primary_metric"]
    scores = {**((run.record.get("metrics") or {}).get("selected") or {}), primary["name"]: primary["value"]}
    scores = {name: value for name, value in scores.items() if name in TOLERANCE and value is not None}
    if not scores or primary.get("split") is None:
        return None
    try:
        predictions = read_split(run.folder, primary["split"])
        for name, value in scores.items():
            given = score(name, predictions)
            if not abs(given - value) <= TOLERANCE[name] * max(1.0, abs(value)):
                return f"its record says {name} {value:.6g}, and its predictions give {given:.6g}"
    except PredictionsError:
        return None  # said where the predictions are used
    except Exception as error:  # the last net: of one run
        return f"its scores cannot be computed from its predictions: {in_short(error)}"
    return None


def score(metric: str, found: Predictions) -> float:
    """A metric as ``src.metrics`` defines it, in the time and memory of counting; NaN where it has no value."""
    if metric in OF_VALUES:
        return _of_values(metric, found.labels.astype(np.float64), found.predictions.astype(np.float64))
    labels, predictions = as_classes(found)
    size = max(2, int(labels.max()) + 1, int(predictions.max()) + 1)
    true, predicted = np.bincount(labels, minlength=size), np.bincount(predictions, minlength=size)
    hits = np.bincount(labels[labels == predictions], minlength=size)
    return _of_counts(metric, *(counts.astype(np.float64) for counts in (true, predicted, hits)))


def as_classes(found: Predictions) -> tuple[Array, Array]:
    """Labels and predictions as classes; also where tasks of both kinds share columns of floats.

    Raises:
        PredictionsError: if they are none.
    """
    columns = (found.labels, found.predictions)
    if all(np.issubdtype(column.dtype, np.integer) for column in columns):
        return columns
    if not all(((column >= 0) & (column < MOST_CLASSES) & (column == np.floor(column))).all() for column in columns):
        raise PredictionsError("predictions.parquet holds numbers that are no classes")
    labels, predictions = (column.astype(np.int64) for column in columns)
    return labels, predictions


def _of_counts(metric: str, true: Array, predicted: Array, hits: Array) -> float:
    """From the numbers of examples per class that are of it, that are predicted to be, and that are both."""
    total = true.sum()
    f1 = _divide(2 * hits, true + predicted)
    match metric:
        case "accuracy":
            return float(hits.sum() / total)
        case "matthews_correlation":
            spread = (total**2 - (predicted**2).sum()) * (total**2 - (true**2).sum())
            return float(_divide(hits.sum() * total - (true * predicted).sum(), np.sqrt(max(spread, 0.0))))
        case "f1":
            return float(f1[1])
        case "f1_macro":
            return float(f1[true + predicted > 0].mean())
        case "f1_weighted":
            return float((f1 * true).sum() / total)
        case "precision":
            return float(_divide(hits, predicted)[1])
    return float(_divide(hits, true)[1])


def _of_values(metric: str, labels: Array, predictions: Array) -> float:
    if metric == "mse":
        return float(((predictions - labels) ** 2).mean())
    if metric == "mae":
        return float(np.abs(predictions - labels).mean())
    if metric == "spearmanr":
        from scipy.stats import rankdata

        labels, predictions = rankdata(labels), rankdata(predictions)
    x, y = labels - labels.mean(), predictions - predictions.mean()
    spread = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / spread) if spread > 0 else float("nan")


def _divide(numerator: Array, denominator: Array) -> Array:
    """0 where the denominator is, as scikit-learn has it."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator, dtype=np.float64), where=denominator > 0)


def _key(run: Run) -> str:
    parts = [VERSION, "contradiction", str(run.folder), run.stamp]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
