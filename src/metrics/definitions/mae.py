"""Mean absolute error."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.decomposition import mean_of
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import mean_absolute_error

    return mean_absolute_error(labels, predictions)


METRIC = Metric(
    name="mae",
    reads=Reads.VALUES,
    greater_is_better=False,
    compute=compute,
    scale=Scale.ERROR,
    decomposition=mean_of(lambda labels, predictions: np.abs(predictions - labels)),
)
