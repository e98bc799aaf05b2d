"""F1 of an answer's words with those of the right one that is closest, the mean over questions; SQuAD's."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.answers import best_of, overlap
from src.metrics.decomposition import mean_of
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    return DECOMPOSITION.whole(np.asarray(labels), np.asarray(predictions))


DECOMPOSITION = mean_of(lambda labels, predictions: best_of(overlap, labels, predictions))

METRIC = Metric(
    name="answer_f1",
    reads=Reads.ANSWERS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=DECOMPOSITION,
)
