"""Precision of class 1: TP / (TP + FP); 0 when nothing is predicted positive."""

from numpy.typing import ArrayLike

from src.metrics.decomposition import divided, of_class_one
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import precision_score

    return precision_score(labels, predictions, zero_division=0)


METRIC = Metric(
    name="precision",
    reads=Reads.POSITIVE_CLASS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=of_class_one(lambda hits, predicted, true: divided(hits, predicted)),
)
