"""Token accuracy: the share of words whose tag is right."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.decomposition import Sums, divided
from src.metrics.entities import word_counts
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    return DECOMPOSITION.whole(np.asarray(labels), np.asarray(predictions))


DECOMPOSITION = Sums(word_counts, lambda sums: divided(sums[..., 1], sums[..., 0]))

METRIC = Metric(
    name="token_accuracy",
    reads=Reads.WORDS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=DECOMPOSITION,
)
