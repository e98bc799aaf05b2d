"""Pearson's r, the linear correlation; nan when either side is constant or there are fewer than two examples."""

import math
import warnings
from typing import Any

from src.metrics.decomposition import CORRELATION
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: Any, predictions: Any) -> float:
    from scipy.stats import ConstantInputWarning, pearsonr

    if len(labels) < 2:
        return math.nan
    with warnings.catch_warnings():
        # Constant predictions are an ordinary event early in training: the nan says enough.
        warnings.simplefilter("ignore", ConstantInputWarning)
        return pearsonr(predictions, labels).statistic


METRIC = Metric(
    name="pearson",
    reads=Reads.VALUES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.CORRELATION,
    decomposition=CORRELATION,
)
