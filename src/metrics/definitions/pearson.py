"""Pearson's r, the linear correlation; nan when either side is constant or there are fewer than two examples."""

from numpy.typing import ArrayLike

from src.metrics.correlation import correlation
from src.metrics.decomposition import CORRELATION
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from scipy.stats import pearsonr

    return correlation(pearsonr, labels, predictions)


METRIC = Metric(
    name="pearson",
    reads=Reads.VALUES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.CORRELATION,
    decomposition=CORRELATION,
)
