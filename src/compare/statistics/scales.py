"""A transformation of a metric's scale, under which no interval leaves it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from src.compare.statistics.features import Array
from src.metrics.metric import Scale
from src.metrics.names import all_metrics


@dataclass(frozen=True)
class Transformation:
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


RATE = Transformation(*Scale.RATE.value, logit, expit, lambda x: 1 / (x * (1 - x)))
CORRELATION = Transformation(*Scale.CORRELATION.value, np.arctanh, np.tanh, lambda x: 1 / (1 - x * x))  # Fisher's z
ERROR = Transformation(*Scale.ERROR.value, np.log, np.exp, lambda x: 1 / x)
PLAIN = Transformation(-np.inf, np.inf, lambda x: x, lambda x: x, lambda x: 1.0)
OF_SCALE = {Scale.RATE: RATE, Scale.CORRELATION: CORRELATION, Scale.ERROR: ERROR, None: PLAIN}


def transformation_of(metric: str) -> Transformation:
    """That of a metric by its name; none where its scale is not known."""
    known = all_metrics().get(metric)
    return OF_SCALE[known.scale if known else None]
