"""What the correlations have in common: none is defined for less than two examples, or where a side is constant."""

import math
import warnings
from collections.abc import Callable
from typing import Any


def correlation(of: Callable[[Any, Any], Any], labels: Any, predictions: Any) -> float:
    """The statistic of one of SciPy's correlations; nan where it has no value."""
    from scipy.stats import ConstantInputWarning

    if len(labels) < 2:
        return math.nan
    with warnings.catch_warnings():
        # Constant predictions are an ordinary event early in training: the nan says enough.
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(of(predictions, labels).statistic)
