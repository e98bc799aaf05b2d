"""Average precision per class, then the mean of the classes that occur, where an example has any number of them."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, scores: ArrayLike) -> float:
    from sklearn.metrics import average_precision_score

    true = np.asarray(labels)
    occurs = true.any(0)
    if not occurs.any():
        return float("nan")
    return average_precision_score(true[:, occurs], np.asarray(scores)[:, occurs], average="macro")


METRIC = Metric(
    name="mean_average_precision",
    reads=Reads.CHANCES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,  # no decomposition: it is of the order of all examples
)
