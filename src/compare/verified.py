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
from src.metrics.metric import Reads
from src.metrics.names import all_metrics
from src.runs.predictions_reading import MOST_CLASSES, Predictions, PredictionsError, read_split
from src.runs.reading import Run
from src.runs.store import VERSION, Store
from src.utils.errors import in_short

PROBLEM = "problem"
# What rounding leaves between two ways to compute a metric, relative to values above 1; the values of a regression are
# kept in single precision.
TOLERANCE, OF_VALUES = 1e-6, 1e-5


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
    problems: dict[str, Any] = {folder: found[PROBLEM] for folder, found in kept.items() if _is_sound(found)}
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
    primary = run.record.primary_metric
    recorded = {**run.record.scores(), primary.name: primary.value}
    scores = {name: value for name, value in recorded.items() if tolerance(name) is not None and value is not None}
    if not scores or primary.split is None:
        return None
    try:
        predictions = read_split(run.folder, primary.split)
        for name, value in scores.items():
            given = score(name, predictions)
            if not agrees(name, given, value):
                return f"its record says {name} {value:.6g}, and its predictions give {given:.6g}"
    except PredictionsError:
        return None  # said where the predictions are used
    except Exception as error:  # the last net: of one run
        return f"its scores cannot be computed from its predictions: {in_short(error)}"
    return None


def score(metric: str, found: Predictions) -> float:
    """A metric by its decomposition, in the time and memory of counting; NaN where it has no value."""
    known = all_metrics()[metric]
    assert known.decomposition is not None, "the caller has looked"
    if known.reads.predicted_class:
        return known.decomposition.whole(*as_classes(found))
    if known.reads.several_classes:
        return known.decomposition.whole(found.labels, found.predictions)
    return known.decomposition.whole(found.labels.astype(np.float64), found.predictions.astype(np.float64))


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


def _key(run: Run) -> str:
    parts = [VERSION, "contradiction", str(run.folder), run.stamp]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def tolerance(metric: str) -> float | None:
    """What rounding may make of a metric's value, relative to values above 1; None if predictions do not give it."""
    found = all_metrics().get(metric)
    if found is None or found.decomposition is None:
        return None
    return OF_VALUES if found.reads is Reads.VALUES else TOLERANCE


def agrees(metric: str, given: float, recorded: float) -> bool:
    """Whether a metric's value from predictions is the recorded one, but for rounding."""
    return abs(given - recorded) <= (tolerance(metric) or 0.0) * max(1.0, abs(recorded))
