"""Accuracy: the share of predictions that equal their label."""

from numpy.typing import ArrayLike

from src.metrics.decomposition import mean_of
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import accuracy_score

    return accuracy_score(labels, predictions)


METRIC = Metric(
    name="accuracy",
    reads=Reads.CLASSES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=mean_of(lambda labels, predictions: labels == predictions),
)
