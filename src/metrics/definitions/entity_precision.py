"""Precision of whole entities: TP / (TP + FP), as seqeval in strict mode; 0 when none is predicted."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.decomposition import Sums, divided
from src.metrics.entities import entity_counts
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    return DECOMPOSITION.whole(np.asarray(labels), np.asarray(predictions))


DECOMPOSITION = Sums(entity_counts, lambda sums: divided(sums[..., 0], sums[..., 1]))

METRIC = Metric(
    name="entity_precision",
    reads=Reads.ENTITIES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=DECOMPOSITION,
)
