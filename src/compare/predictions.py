"""Reading ``predictions.parquet`` of many runs into scorers."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from src.compare.grouping import Group
from src.compare.records import Run
from src.compare.scorer import Array, Scorer, make_scorer
from src.training.record import PREDICTIONS


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
        table = pq.read_table(path, columns=["split", "index", "label", "prediction"], use_threads=False)
    except FileNotFoundError:
        return f"{PREDICTIONS} is missing"
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        return f"{PREDICTIONS} is unreadable: {str(error).splitlines()[0]}"
    rows = table["split"].to_numpy() == split
    index, labels, predictions = (table[name].to_numpy()[rows] for name in ("index", "label", "prediction"))
    if not len(index):
        return f"{PREDICTIONS} holds no row of {split}"
    if not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        return f"{PREDICTIONS} holds values that are not finite"
    order = np.argsort(index, kind="stable")
    return Predictions(index[order], labels[order], predictions[order])


def group_scorers(group: Group) -> tuple[dict[str, Scorer], dict[str, str]]:
    """Scorers of a group's runs by folder, all on the same examples; and the runs that have none, with the reason."""
    split = str(group.fixed["split"])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda run: read_predictions(run, split), group.runs))
    good = [item for item in found if isinstance(item, Predictions)]
    if not good:
        return {}, {str(run.folder): str(item) for run, item in zip(group.runs, found, strict=True)}
    reference = _most_common(good)
    classes = _num_classes(good)
    scorers, problems = {}, {}
    for run, item in zip(group.runs, found, strict=True):
        if isinstance(item, str):
            problems[str(run.folder)] = item
        elif not _same_examples(item, reference):
            problems[str(run.folder)] = "other examples or labels than the group's other runs"
        elif scorer := make_scorer(group.metric, item.labels, item.predictions, classes):
            scorers[str(run.folder)] = scorer
        else:
            problems[str(run.folder)] = f"{group.metric} cannot be recomputed from predictions"
    return scorers, problems


def agreement(scorers: Sequence[Scorer]) -> float | None:
    """Share of examples on which all runs predict the same class; None for regression, or fewer than two runs."""
    if len(scorers) < 2 or not scorers[0].classes:
        return None
    first = scorers[0].predictions
    return float(np.mean(np.all([scorer.predictions == first for scorer in scorers[1:]], axis=0)))


def collapsed(scorers: Sequence[Scorer]) -> int:
    """Number of runs that give every example the same prediction."""
    return sum(bool(np.ptp(scorer.predictions) == 0) for scorer in scorers)


def _same_examples(one: Predictions, other: Predictions) -> bool:
    return np.array_equal(one.index, other.index) and np.array_equal(one.labels, other.labels)


def _most_common(found: Sequence[Predictions]) -> Predictions:
    keys = [(len(item.index), item.index.tobytes(), item.labels.tobytes()) for item in found]
    return found[keys.index(max(set(keys), key=keys.count))]


def _num_classes(found: Sequence[Predictions]) -> int | None:
    if not all(np.issubdtype(item.predictions.dtype, np.integer) for item in found):
        return None
    return max(2, *(int(max(item.labels.max(), item.predictions.max())) + 1 for item in found))
