"""Recall of class 1: TP / (TP + FN); 0 when no label is positive."""

from numpy.typing import ArrayLike

from src.metrics.decomposition import divided, of_class_one
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import recall_score

    return recall_score(labels, predictions, zero_division=0)


METRIC = Metric(
    name="recall",
    reads=Reads.POSITIVE_CLASS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=of_class_one(lambda hits, predicted, true: divided(hits, true)),
)
