"""Matthews correlation (R_K for more than two classes), in [-1, 1]; 0 when predictions are constant."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.decomposition import Array, ClassCounts, divided
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import matthews_corrcoef

    return matthews_corrcoef(labels, predictions)


def _of_counts(hits: Array, predicted: Array, true: Array) -> Array:
    """R_K of Gorodkin (2004), which is Matthews' for two classes."""
    total, right = true.sum(-1), hits.sum(-1)
    spread = (total**2 - (predicted**2).sum(-1)) * (total**2 - (true**2).sum(-1))
    return divided(right * total - (true * predicted).sum(-1), np.sqrt(np.maximum(spread, 0)))


METRIC = Metric(
    name="matthews_correlation",
    reads=Reads.CLASSES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.CORRELATION,
    decomposition=ClassCounts(_of_counts),
)
