"""How far two trainings are apart, on files written for it."""

from pathlib import Path

import numpy as np
import pytest

from src.compare.alike import distances
from src.runs.predictions_writing import write_predictions
from src.runs.reading import Run
from src.runs.run_record import RunRecord
from src.tasks import label_space

LOGITS = np.array([[2.0, -4.0], [0.0, 1.0], [0.5, 0.0], [-1.0, 3.0]], dtype=np.float32)
LABELS = np.array([0, 1, 1, 1])


def made(folder: Path, logits=LOGITS, accuracy: float | None = 0.75, labels=LABELS, regression=False) -> Run:
    folder.mkdir()
    kind = label_space([] if regression else ["no", "yes"], None).kind
    write_predictions(
        folder / "predictions.parquet",
        {"validation": logits},
        {"validation": labels},
        {"validation": [3, 0, 2, 1]},
        {"validation": kind},
    )
    record = {"rows": {"train": 9, "validation": 4}, "metrics": {"selected": {"accuracy": accuracy}}}
    return Run(folder, RunRecord.of(record), None)


def sizes(one: Run, other: Run) -> dict[str, float | None]:
    return {found.what: found.size for found in distances(one, other)}


def test_a_copy_is_equal_to_the_bit(tmp_path):
    assert sizes(made(tmp_path / "a"), made(tmp_path / "b")) == {"scores": 0, "predictions": 0, "logits": 0}


def test_each_distance_is_what_it_says(tmp_path):
    moved = LOGITS.copy()
    moved[2] = [0.5, 1.0]  # another answer; the largest logit is 4
    found = sizes(made(tmp_path / "a"), made(tmp_path / "b", moved, 0.5))
    assert found == {"scores": 0.25, "predictions": 0.25, "logits": 0.25}


def test_the_values_of_a_regression_go_by_the_labels_range(tmp_path):
    labels, values = np.array([0.0, 1.0, 5.0, 2.0]), np.array([[0.0], [1.0], [4.0], [2.0]], dtype=np.float32)
    one = made(tmp_path / "a", values, labels=labels, regression=True)
    other = made(tmp_path / "b", values + np.float32([[0], [0.5], [0], [0]]), labels=labels, regression=True)
    assert sizes(one, other)["predictions"] == pytest.approx(0.1)


def test_what_cannot_be_compared_says_why(tmp_path):
    one, other = made(tmp_path / "a"), made(tmp_path / "b", labels=np.array([1, 1, 1, 1]))
    assert sizes(one, other)["predictions"] is None
    (other.folder / "predictions.parquet").write_bytes(b"PAR1")
    found = {distance.what: distance for distance in distances(one, other)}
    assert found["logits"].size is None and "unreadable" in found["logits"].said
    wide = made(tmp_path / "c", np.zeros((4, 3), dtype=np.float32))
    assert sizes(one, wide)["logits"] is None
    assert sizes(one, made(tmp_path / "d", accuracy=None))["scores"] == float("inf")
