"""Subset accuracy: the share of examples whose whole set of classes is right."""

from typing import Any

import numpy as np

from src.metrics.decomposition import mean_of
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: Any, predictions: Any) -> float:
    from sklearn.metrics import accuracy_score

    return accuracy_score(labels, predictions)


def _same(labels: Any, predictions: Any) -> Any:
    return (np.asarray(labels) == np.asarray(predictions)).reshape(len(labels), -1).all(1)


METRIC = Metric(
    name="subset_accuracy",
    reads=Reads.SETS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=mean_of(_same),
)
