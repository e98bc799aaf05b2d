"""How far the probabilities of a classifier can be believed, example by example, from its logits.

Each is a mean over examples of ``Loss.values``, so that resampling and the variance over seeds and examples work as
for accuracy. Less is better for all.

    nll     -log p_y, of the label y (natural logarithm)
    brier   sum_c (p_c - [c = y])^2, between 0 and 2 (Brier 1950; for two classes twice the square for one of them)
    ece     sum_b |sum of (confidence - hit) in bin b| / n, the expected calibration error of the predicted class, over
            15 bins of equal mass (Nixon et al. 2019, arXiv 1904.01685): equal widths leave most bins of a good
            classifier empty. It is too high by chance where bins hold few examples, for all methods alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Array = NDArray[np.float64]
BINS = 15


@dataclass(frozen=True)
class Loss:
    """One run's values: their mean is the loss.

    Attributes:
        values: (n,) what each example adds; for the calibration error of its bin's sign.
        bins: (n,) bin numbers, within which values may cancel; None where there are none.
    """

    values: Array
    bins: NDArray[np.int64] | None = None

    def resampled(self, weights: NDArray[np.float32]) -> Array:
        """(R,) the loss with example j counted ``weights[r, j]`` times."""
        size = weights.sum(1)
        if self.bins is None:
            return (weights @ self.values.astype(np.float32)) / size
        columns = np.zeros((len(self.values), int(self.bins.max()) + 1), dtype=np.float32)
        columns[np.arange(len(self.values)), self.bins] = self.values
        return np.abs(weights @ columns).sum(1) / size


def nll(logits: Array, labels: NDArray[np.int64]) -> Loss:
    """Of logits (n, C) and labels (n,) from 0."""
    return Loss(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels])


def brier(logits: Array, labels: NDArray[np.int64]) -> Loss:
    """Of logits (n, C) and labels (n,) from 0."""
    chances = np.exp(log_softmax(logits, axis=1))
    chances[np.arange(len(labels)), labels] -= 1
    return Loss((chances**2).sum(1))


def ece(logits: Array, labels: NDArray[np.int64]) -> Loss:
    """Of logits (n, C) and labels (n,) from 0; equal confidences share a bin."""
    confidence = np.exp(log_softmax(logits, axis=1).max(1))
    gaps = confidence - (logits.argmax(1) == labels)
    edges = np.quantile(confidence, np.arange(1, BINS) / BINS, method="inverted_cdf")
    bins = np.searchsorted(np.unique(edges), confidence, side="left")
    signs = np.sign(np.bincount(bins, gaps, minlength=BINS))
    return Loss(gaps * signs[bins], bins)


LOSSES: dict[str, Callable[[Array, NDArray[np.int64]], Loss]] = {"ece": ece, "brier": brier, "nll": nll}
