"""Subset accuracy: the share of examples whose whole set of classes is right."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.decomposition import Array, mean_of
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import accuracy_score

    return accuracy_score(labels, predictions)


def _same(labels: Array, predictions: Array) -> Array:
    return (np.asarray(labels) == np.asarray(predictions)).reshape(len(labels), -1).all(1)


METRIC = Metric(
    name="subset_accuracy",
    reads=Reads.SETS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=mean_of(_same),
)
