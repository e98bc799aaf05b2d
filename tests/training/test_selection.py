"""Which epoch is kept."""

import math

import numpy as np
import pytest

from src.training.evaluation import Evaluation
from src.training.selection import Selector


def follow(selection: str, dev: list[float], holdout: list[float], metric: str = "accuracy") -> Selector:
    selector = Selector(selection, metric, "validation")
    for epoch, (d, h) in enumerate(zip(dev, holdout, strict=True), 1):
        metrics = {"validation": {metric: d}, "holdout": {metric: h}}
        selector.add(Evaluation(epoch, epoch, metrics, {"validation": np.zeros(1)}, {}))
    return selector


@pytest.mark.parametrize(("selection", "epoch"), [("holdout", 1), ("best", 2), ("last", 3)])
def test_the_three_ways(selection, epoch):
    selector = follow(selection, dev=[0.5, 0.9, 0.7], holdout=[0.8, 0.6, 0.7])
    assert selector.selected.epoch == epoch
    assert (selector.best.epoch, selector.last.epoch) == (2, 3)


def test_of_equals_the_earlier_stays():
    assert follow("holdout", [0, 0, 0], [0.7, 0.7, 0.6]).selected.epoch == 1


def test_a_nan_is_never_picked_over_a_number():
    assert follow("holdout", [0, 0, 0], [math.nan, 0.1, math.nan]).selected.epoch == 2
    assert follow("best", [math.nan, -0.3], [0, 0]).selected.epoch == 2


def test_errors_are_minimised():
    assert follow("best", [0.5, 0.2, 0.9], [0, 0, 0], metric="mse").selected.epoch == 2
