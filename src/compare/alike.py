"""How far two trainings are from each other: their scores, their answers, their logits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.runs.logits_reading import read_logits
from src.runs.predictions_reading import Predictions, PredictionsError, read_split
from src.runs.reading import Run
from src.runs.run_record import RunRecord

TOLERANCE = 1e-4
SHOWN = 4  # scores


@dataclass(frozen=True)
class Distance:
    """How far two runs are apart in one respect.

    Attributes:
        what: ``scores``, ``predictions`` or ``logits``.
        size: the largest difference of a score; the share of examples with another answer (of a regression the largest
            difference by the labels' range); the largest difference of a logit by the largest logit. 0 is equality to
            the bit, None that it could not be told.
        said: the same in words.
    """

    what: str
    size: float | None
    said: str


def distances(one: Run, other: Run) -> Iterator[Distance]:
    """Compare two finished runs at their selected epochs."""
    yield _scores(one, other)
    splits = _splits(one.record, other.record)
    try:
        found = [(read_split(one.folder, split), read_split(other.folder, split)) for split in splits]
        yield _answers(found)
    except PredictionsError as error:
        yield Distance("predictions", None, str(error))
    try:
        yield _logits(read_logits(one.folder), read_logits(other.folder))
    except PredictionsError as error:
        yield Distance("logits", None, str(error))


def _scores(one: Run, other: Run) -> Distance:
    there, here = (run.record.scores() for run in (one, other))
    if not there or there.keys() != here.keys():
        return Distance("scores", None, "the two have not the same metrics")
    moved = {key: _difference(there[key], here[key]) for key in there}
    largest = max(moved.values())
    if not largest:
        return Distance("scores", 0.0, _shown(there))
    others = sorted((key for key in there if moved[key]), key=lambda key: -moved[key])[:SHOWN]
    said = (f"{key} {_number(there[key])} there, {_number(here[key])} here" for key in others)
    return Distance("scores", largest, "; ".join(said))


def _difference(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        return 0.0 if one is other else float("inf")
    return abs(one - other)


def _answers(pairs: list[tuple[Predictions, Predictions]]) -> Distance:
    changed = total = 0
    largest = 0.0
    for one, other in pairs:
        if not np.array_equal(one.index, other.index) or not np.array_equal(one.labels, other.labels):
            return Distance("predictions", None, "other examples, or other labels")
        total += len(one.index)
        if one.predictions.shape != other.predictions.shape:
            return Distance("predictions", None, "other numbers of answers")
        moved_rows = (one.predictions != other.predictions).reshape(len(one.index), -1).any(1)
        changed += int(moved_rows.sum())
        if not np.issubdtype(one.predictions.dtype, np.integer):
            spread = float(np.ptp(one.labels.astype(np.float64))) or 1.0
            moved = np.abs(one.predictions.astype(np.float64) - other.predictions.astype(np.float64)).max() / spread
            largest = max(largest, float(moved))
    if largest:
        return Distance("predictions", largest, f"values move by up to {largest:.2g} of the labels' range")
    return Distance("predictions", changed / max(total, 1), f"{changed} of {total} answers are others" if changed
                    else f"{total} answers")  # fmt: skip


def _logits(one: Mapping[str, Any], other: Mapping[str, Any]) -> Distance:
    if {split: logits.shape for split, logits in one.items()} != {split: found.shape for split, found in other.items()}:
        return Distance("logits", None, "of other splits, examples or classes")
    largest, differ = 0.0, 0.0
    for split, logits in one.items():
        largest = max(largest, float(np.abs(logits).max(initial=0.0)))
        differ = max(differ, float(np.abs(logits - other[split]).max(initial=0.0)))
    if not np.isfinite(largest + differ):
        return Distance("logits", None, "they are not finite")
    size = differ / largest if largest else differ
    return Distance("logits", size, f"they move by up to {differ:.2g}, the largest is {largest:.3g}" if differ else "")


def _splits(one: RunRecord, other: RunRecord) -> list[str]:
    """The evaluation splits that both name, but for what was held out: its predictions are not kept."""
    names = [split for split in one.rows if split in other.rows]
    return [name for name in names if name != "train" and name.rpartition("/")[2] != "holdout"]


def _shown(metrics: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in list(metrics.items())[:SHOWN])


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
