"""What the correlations have in common: none is defined for less than two examples, or where a side is constant."""

import math
import warnings
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike


class _Result(Protocol):
    @property
    def statistic(self) -> float: ...


def correlation(of: Callable[[ArrayLike, ArrayLike], _Result], labels: ArrayLike, predictions: ArrayLike) -> float:
    """The statistic of one of SciPy's correlations; nan where it has no value."""
    from scipy.stats import ConstantInputWarning

    if np.size(labels) < 2:
        return math.nan
    with warnings.catch_warnings():
        # Constant predictions are an ordinary event early in training: the nan says enough.
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(of(predictions, labels).statistic)
