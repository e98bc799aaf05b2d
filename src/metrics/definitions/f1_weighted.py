"""F1 per class, then the weighted average over the classes that occur; a class never predicted counts 0."""

from numpy.typing import ArrayLike

from src.metrics.decomposition import Array, ClassCounts, divided, f1
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import f1_score

    return f1_score(labels, predictions, average="weighted", zero_division=0)


def _of_counts(hits: Array, predicted: Array, true: Array) -> Array:
    return divided((f1(hits, predicted, true) * true).sum(-1), true.sum(-1))


METRIC = Metric(
    name="f1_weighted",
    reads=Reads.CLASSES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=ClassCounts(_of_counts),
)
