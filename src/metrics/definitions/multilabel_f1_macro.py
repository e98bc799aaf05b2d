"""F1 per class, then the mean of all, where an example has any number of classes; a class never predicted counts 0."""

from numpy.typing import ArrayLike

from src.metrics.decomposition import Sums
from src.metrics.label_sets import counts_by_class, mean_f1
from src.metrics.metric import Metric, Reads, Scale


def compute(labels: ArrayLike, predictions: ArrayLike) -> float:
    from sklearn.metrics import f1_score

    return f1_score(labels, predictions, average="macro", zero_division=0)


METRIC = Metric(
    name="multilabel_f1_macro",
    reads=Reads.SETS,
    greater_is_better=True,
    compute=compute,
    scale=Scale.RATE,
    decomposition=Sums(counts_by_class, mean_f1),
)
