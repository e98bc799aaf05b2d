"""Exact match: the share of questions whose answer is a right one, but for case, punctuation and articles; SQuAD's."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.answers import best_of, same
from src.metrics.decomposition import mean_of
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    return DECOMPOSITION.whole(np.asarray(labels), np.asarray(predictions))


DECOMPOSITION = mean_of(lambda labels, predictions: best_of(same, labels, predictions))

METRIC = Metric(
    name="exact_match",
    reads=Reads.ANSWERS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=DECOMPOSITION,
)
