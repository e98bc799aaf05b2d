"""Reading ``predictions.parquet`` of many runs into panels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from src.compare.grouping import Group
from src.compare.statistics.panel import Array, Panel, make_panel
from src.runs.reading import Run
from src.runs.record import PREDICTIONS


@dataclass(frozen=True)
class Predictions:
    """Labels and predictions of one run on one split, in the order of the examples' index."""

    index: Array
    labels: Array
    predictions: Array


def read_predictions(run: Run, split: str) -> Predictions | str:
    """One run's predictions on a split, or why there are none."""
    path = run.folder / PREDICTIONS
    try:
        with pq.ParquetFile(path) as file:  # much quicker to open than a data set of one file
            table = file.read(columns=["split", "index", "label", "prediction"], use_threads=False)
        rows = pc.equal(table["split"], split)
        index, labels, predictions = (table[name].filter(rows).to_numpy() for name in ("index", "label", "prediction"))
    except FileNotFoundError:
        return f"{PREDICTIONS} is missing"
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        return f"{PREDICTIONS} is unreadable: {(str(error).splitlines() or [''])[0]}"
    if not len(index):
        return f"{PREDICTIONS} holds no row of {split}"
    if not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        return f"{PREDICTIONS} holds values that are not finite"
    order = np.argsort(index, kind="stable")
    return Predictions(index[order], labels[order], predictions[order])


def group_panel(group: Group, runs: Sequence[Run]) -> tuple[Panel | None, dict[str, int], dict[str, str]]:
    """The panel of a group's runs, all on the same examples.

    Returns:
        The panel; the row in it of each run by folder; and the runs that are not in it by folder, with the reason.
    """
    split = str(group.fixed["split"])
    found = {str(run.folder): read_predictions(run, split) for run in runs}
    problems = {folder: item for folder, item in found.items() if isinstance(item, str)}
    good = {folder: item for folder, item in found.items() if isinstance(item, Predictions)}
    if not good:
        return None, {}, problems
    reference = _most_common(list(good.values()))
    for folder, item in list(good.items()):
        if not _same_examples(item, reference):
            problems[folder] = "other examples or labels than the group's other runs"
            del good[folder]
    predictions = np.stack([item.predictions for item in good.values()])
    panel = make_panel(group.metric, reference.labels, predictions, _num_classes(reference.labels, predictions))
    if panel is None:
        return None, {}, problems | dict.fromkeys(good, f"{group.metric} cannot be recomputed from predictions")
    return panel, {folder: row for row, folder in enumerate(good)}, problems


def agreement(predictions: Array) -> float | None:
    """Share of the columns of (k, n) classes that hold one value; None for fewer than two rows."""
    return float((predictions == predictions[:1]).all(0).mean()) if len(predictions) > 1 else None


def collapsed(predictions: Array) -> int:
    """Number of rows of (k, n) classes that hold one value throughout."""
    return int((np.ptp(predictions, axis=1) == 0).sum())


def _same_examples(one: Predictions, other: Predictions) -> bool:
    return np.array_equal(one.index, other.index) and np.array_equal(one.labels, other.labels)


def _most_common(found: Sequence[Predictions]) -> Predictions:
    keys = [(len(item.index), item.index.tobytes(), item.labels.tobytes()) for item in found]
    return found[keys.index(max(set(keys), key=keys.count))]


def _num_classes(labels: Array, predictions: Array) -> int | None:
    """One more than the largest class, at least 2; None for regression, whose predictions are no integers."""
    classes = np.issubdtype(predictions.dtype, np.integer)
    return max(2, int(labels.max()) + 1, int(predictions.max()) + 1) if classes else None
