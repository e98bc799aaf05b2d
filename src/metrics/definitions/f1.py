"""F1 of class 1: 2 TP / (2 TP + FP + FN); 0 when nothing is predicted positive."""

from numpy.typing import ArrayLike

from src.metrics.decomposition import f1, of_class_one
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import f1_score

    return f1_score(labels, predictions, zero_division=0)


METRIC = Metric(
    name="f1",
    reads=Reads.POSITIVE_CLASS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=of_class_one(f1),
)
