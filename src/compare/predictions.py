"""Reading ``predictions.parquet`` of many runs into panels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.compare.grouping import Group
from src.compare.statistics.panel import Array, Panel
from src.compare.statistics.ranks import make_panel
from src.compare.verified import as_classes
from src.metrics.names import all_metrics
from src.runs.predictions_reading import FILLED, Predictions, PredictionsError, read_split
from src.runs.reading import Run
from src.utils.errors import in_short


def read_predictions(run: Run, split: str, metric: str) -> Predictions | str:
    """One run's predictions on a split, as classes where the metric takes them; or why there are none."""
    try:
        found = read_split(run.folder, split)
        return Predictions(found.index, *as_classes(found)) if _of_classes(metric) else found
    except PredictionsError as error:
        return str(error)


@dataclass(frozen=True)
class GroupPanel:
    """The panel of a group's runs, all on the same examples.

    Attributes:
        panel: None if no run has predictions that can be used.
        rows: the row in the panel of each run by folder.
        problems: the runs that are not in it by folder, with the reason.
        index: (n,) the examples' rows in the source's split.
    """

    panel: Panel | None
    rows: Mapping[str, int]
    problems: Mapping[str, str]
    index: Array | None = None


def group_panel(group: Group, runs: Sequence[Run]) -> GroupPanel:
    """Read the predictions of a group's runs."""
    split = str(group.fixed["split"])
    found = {str(run.folder): read_predictions(run, split, group.metric) for run in runs}
    problems = {folder: item for folder, item in found.items() if isinstance(item, str)}
    good = {folder: item for folder, item in found.items() if isinstance(item, Predictions)}
    if not good:
        return GroupPanel(None, {}, problems)
    reference = _most_common(list(good.values()))
    for folder, item in list(good.items()):
        if not _same_examples(item, reference):
            problems[folder] = "other examples or labels than the group's other runs"
            del good[folder]
    predictions = np.stack([item.predictions for item in good.values()])
    try:
        panel = _panel(group.metric, reference.labels, predictions)
    except Exception as error:  # the last net: the scores of the records stand
        return GroupPanel(
            None, {}, problems | dict.fromkeys(good, f"no statistics from predictions: {in_short(error)}")
        )
    if panel is None:
        return GroupPanel(
            None, {}, problems | dict.fromkeys(good, f"{group.metric} cannot be recomputed from predictions")
        )
    return GroupPanel(panel, {folder: row for row, folder in enumerate(good)}, problems, reference.index)


def _panel(metric: str, labels: Array, predictions: Array) -> Panel | None:
    """The panel; classes that nothing is of and nobody predicts are left out, which changes no metric."""
    if not _of_classes(metric):
        return make_panel(metric, labels, predictions, None)
    known = np.unique(np.concatenate([[0, 1], labels, predictions.ravel()]))  # F1 of two classes is of class 1
    places = (np.searchsorted(known, labels), np.searchsorted(known, predictions))
    return make_panel(metric, *places, len(known))


def _of_classes(metric: str) -> bool:
    known = all_metrics().get(metric)
    return known is not None and known.reads.predicted_class


def agreement(predictions: Array) -> float | None:
    """Share of examples that all rows of (k, n) or (k, n, m) classes answer alike; None for fewer than two rows."""
    same = (predictions == predictions[:1]).all(0)
    return float(same.reshape(len(same), -1).all(1).mean()) if len(predictions) > 1 else None


def collapsed(predictions: Array) -> int:
    """Number of rows of (k, n) classes, or (k, n, m), that hold one value throughout, apart from what fills up."""
    flat = predictions.reshape(len(predictions), -1)
    if predictions.ndim > 2:
        return sum(len(np.unique(row[row != FILLED])) == 1 for row in flat)
    return int((np.ptp(flat, axis=1) == 0).sum())


def _same_examples(one: Predictions, other: Predictions) -> bool:
    return np.array_equal(one.index, other.index) and np.array_equal(one.labels, other.labels)


def _most_common(found: Sequence[Predictions]) -> Predictions:
    keys = [(len(item.index), item.index.tobytes(), item.labels.tobytes()) for item in found]
    return found[keys.index(Counter(keys).most_common(1)[0][0])]  # of equally common ones the first
