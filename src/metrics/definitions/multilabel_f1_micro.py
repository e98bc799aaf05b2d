"""F1 of all classes together, where an example has any number of them: 2 TP / (2 TP + FP + FN); 0 if there are none."""

import numpy as np
from numpy.typing import ArrayLike

from src.metrics.decomposition import Sums, f1
from src.metrics.label_sets import set_counts
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import f1_score

    return f1_score(labels, predictions, average="micro", zero_division=0)


METRIC = Metric(
    name="multilabel_f1_micro",
    reads=Reads.SETS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=Sums(set_counts, lambda sums: f1(*np.moveaxis(sums, -1, 0))),
)
