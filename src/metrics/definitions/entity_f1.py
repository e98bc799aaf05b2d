"""F1 of whole entities, all types together: 2 TP / (2 TP + FP + FN), as seqeval in strict mode; 0 if none is found."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.decomposition import Sums, f1
from src.metrics.entities import entity_counts
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    return DECOMPOSITION.whole(np.asarray(labels), np.asarray(predictions))


DECOMPOSITION = Sums(entity_counts, lambda sums: f1(*np.moveaxis(sums, -1, 0)))

METRIC = Metric(
    name="entity_f1",
    reads=Reads.ENTITIES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=DECOMPOSITION,
)
