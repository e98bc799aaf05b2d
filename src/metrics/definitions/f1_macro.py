"""F1 per class, then the macro average over the classes that occur; a class never predicted counts 0."""

from numpy.typing import ArrayLike

from src.metrics.decomposition import Array, ClassCounts, divided, f1
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import f1_score

    return f1_score(labels, predictions, average="macro", zero_division=0)


def _of_counts(hits: Array, predicted: Array, true: Array) -> Array:
    occurs = true + predicted > 1e-9  # on either side; counts that were reweighted are no whole numbers
    return divided((f1(hits, predicted, true) * occurs).sum(-1), occurs.sum(-1))


METRIC = Metric(
    name="f1_macro",
    reads=Reads.CLASSES,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=ClassCounts(_of_counts),
)
