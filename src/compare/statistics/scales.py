"""The scale of a metric: what its values lie between, and a transformation under which no interval leaves it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from src.compare.statistics.features import Array


@dataclass(frozen=True)
class Scale:
    """``forward`` maps the open range to all numbers, ``back`` undoes it, ``slope`` is the derivative of forward."""

    low: float
    high: float
    forward: Callable[[Array], Array]
    back: Callable[[Array], Array]
    slope: Callable[[float], float]

    @property
    def widest(self) -> float:
        """The largest difference of two values."""
        return self.high - self.low


RATE = Scale(0.0, 1.0, logit, expit, lambda x: 1 / (x * (1 - x)))
CORRELATION = Scale(-1.0, 1.0, np.arctanh, np.tanh, lambda x: 1 / (1 - x * x))  # Fisher's z
ERROR = Scale(0.0, np.inf, np.log, np.exp, lambda x: 1 / x)
PLAIN = Scale(-np.inf, np.inf, lambda x: x, lambda x: x, lambda x: 1.0)
SCALES = {
    **dict.fromkeys(("accuracy", "f1", "f1_macro", "f1_weighted", "precision", "recall"), RATE),
    **dict.fromkeys(("matthews_correlation", "pearson", "spearmanr"), CORRELATION),
    **dict.fromkeys(("mse", "mae"), ERROR),
}


def scale_of(metric: str) -> Scale:
    """The scale of a metric by its name; one without bounds where it is not known."""
    return SCALES.get(metric, PLAIN)
