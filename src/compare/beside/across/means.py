"""Two questions about one method's differences to a baseline on T tasks, and the classical answer to each.

d_t is the difference on task t with standard error s_t and df_t degrees of freedom, over seeds and examples.

these       Is the mean of the differences on these very tasks 0?  mean d, SE = sqrt(sum s_t^2) / T, Satterthwaite's
            degrees of freedom. Seeds and examples could have been others, the tasks could not.
another     Is the mean over tasks such as these 0?  Student's t over the d_t, T - 1 degrees: the tasks could have been
            others, too. Its prediction interval is for the difference on one more such task, of as many seeds and
            examples as these on average.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Array = NDArray[np.float64]
LEVEL = 0.95
FEWEST = 4  # tasks from which on another such task is spoken of


@dataclass(frozen=True)
class Mean:
    """A mean difference with its 95 % interval, and its p, not adjusted; degrees of freedom may be infinite."""

    value: float
    low: float
    high: float
    standard_error: float
    degrees: float
    p: float

    def widened(self, alpha: float) -> "Mean":
        """The same with the interval that leaves out ``alpha`` in place of 5 %."""
        reach = _quantile(self.degrees, alpha) * self.standard_error
        return replace(self, low=self.value - reach, high=self.value + reach)


def of_these(differences: Sequence[float], errors: Sequence[float], degrees: Sequence[float]) -> Mean:
    """The mean over these tasks.

    Args:
        differences: d_t.
        errors: their standard errors.
        degrees: their degrees of freedom.
    """
    squares = np.square(errors)
    total = float(squares.sum())
    parts = float((squares**2 / np.asarray(degrees, dtype=np.float64)).sum())
    size = len(differences)
    return _student(float(np.mean(differences)), total**0.5 / size, total**2 / parts if parts > 0 else np.inf)


def of_another(differences: Sequence[float]) -> Mean:
    """The mean over tasks such as these, of which these are a sample of at least two."""
    size = len(differences)
    return _student(float(np.mean(differences)), float(np.std(differences, ddof=1)) / size**0.5, size - 1.0)


def prediction(differences: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval for the difference that one more such task would give: ``mean +- t sd sqrt(1 + 1 / T)``."""
    size = len(differences)
    reach = _quantile(size - 1.0) * float(np.std(differences, ddof=1)) * (1 + 1 / size) ** 0.5
    return float(np.mean(differences)) - reach, float(np.mean(differences)) + reach


def driver(tasks: Sequence[str], differences: Sequence[float]) -> str | None:
    """The task whose difference is larger than those of all others together, and has the mean's sign; None without."""
    sizes = np.abs(differences)
    largest = int(sizes.argmax())
    mean = float(np.mean(differences))
    if len(sizes) < 3 or sizes[largest] <= sizes.sum() / 2 or mean * differences[largest] <= 0:
        return None
    return tasks[largest]


def _student(value: float, error: float, degrees: float) -> Mean:
    if error == 0.0:
        return Mean(value, value, value, 0.0, degrees, float(value == 0.0))
    reach = _quantile(degrees) * error
    p = 2 * float(stdtr(min(degrees, 1e12), -abs(value) / error))
    return Mean(value, value - reach, value + reach, error, degrees, p)


def _quantile(degrees: float, alpha: float = 1 - LEVEL) -> float:
    return float(stdtrit(min(degrees, 1e12), 1 - alpha / 2))
