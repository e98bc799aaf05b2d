"""Spearman's rho, the rank correlation; nan when either side is constant or there are fewer than two examples."""

from numpy.typing import ArrayLike

from src.metrics.correlation import correlation
from src.metrics.decomposition import CORRELATION, Ranks
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from scipy.stats import spearmanr

    return correlation(spearmanr, labels, predictions)


METRIC = Metric(
    name="spearmanr",
    reads=Reads.VALUES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.CORRELATION,
    decomposition=Ranks(CORRELATION),
)
