"""What a metric is: one object, in one file of ``src/metrics/definitions``."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from numpy.typing import ArrayLike

from src.metrics.decomposition import Decomposition


class Reads(Enum):
    """What a metric is computed from, besides the labels, and with it which tasks it fits."""

    CLASSES = "the predicted class"  # the largest logit's; any number of classes
    POSITIVE_CLASS = "the predicted class, of which 1 is the positive one"  # two classes
    SCORES = "a probability for each class"  # the softmax of the logits; any number of classes
    VALUES = "the predicted value"
    SETS = "the predicted set of classes"  # a row of 0 and 1 an example
    CHANCES = "a probability for each class by itself"  # any number of them may be there
    WORDS = "the predicted class of every word"  # a row of classes an example, filled up with -1
    ENTITIES = "the predicted tag of every word, O, B-TYPE and I-TYPE in this order"  # likewise
    ANSWERS = "the words of the predicted answer"  # as numbers, see src/metrics/answers.py

    @property
    def predicted_class(self) -> bool:
        """Whether it is a class, which is all that is looked at."""
        return self in (Reads.CLASSES, Reads.POSITIVE_CLASS)

    @property
    def several_classes(self) -> bool:
        """Whether an example's label and prediction are rows of whole numbers."""
        return self in (Reads.SETS, Reads.WORDS, Reads.ENTITIES, Reads.ANSWERS)


class Scale(Enum):
    """What the values of a metric lie between."""

    RATE = (0.0, 1.0)
    CORRELATION = (-1.0, 1.0)
    ERROR = (0.0, float("inf"))


@dataclass(frozen=True)
class Metric:
    """A metric; the first sentence of its file's docstring is what ``python -m src list metrics`` says of it.

    Attributes:
        name: in configs and records; its file's.
        reads: what it is computed from.
        greater_is_better: False for an error.
        compute: of the labels (n,) and what it reads, (n,) or (n, classes), the value; nan where it has none.
        scale: what its values lie between: RATE 0 and 1, CORRELATION -1 and 1, ERROR 0 and no end. No interval of a
            comparison leaves it. None where it is not known.
        decomposition: how it is made of its examples; None where it is not, and a comparison, which then cannot
            resample them, takes the examples as given.
    """

    name: str
    reads: Reads
    greater_is_better: bool
    compute: Callable[[ArrayLike, ArrayLike], float]
    scale: Scale | None = None
    decomposition: Decomposition | None = None
