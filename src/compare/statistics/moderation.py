"""What all rows of a table know together of how much seeds differ.

With three seeds a row's own mean square between seeds has two degrees of freedom and is half or twice the truth by
chance; in a table of many rows the smallest of them makes false claims. The rows' mean squares are therefore moderated
(Smyth 2004, "limma"): each is taken for a draw around a common one, with as much trust in the common one as the rows'
likeness deserves.

    ms_i   mean square between the seeds of configuration i, after what a seed adds to all configurations alike
    d0, s0 fitted to all ms_i, as if ``ms_i ~ s0 F(k - 1, d0)``
    t_i  = max(ms_i, (d0 s0 + (k - 1) ms_i) / (d0 + k - 1))

A mean square may rise to the common one and never sinks to it: a method whose seeds collapse now and then keeps its
own. For the difference of two configurations the seeds' mean square is ``t_i + t_j``, at Satterthwaite's degrees of
freedom and at most the (M - 1)(k - 1) that all M configurations have. With M = 2 it is the paired table's own.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, polygamma

from src.compare.statistics.features import Array


@dataclass(frozen=True)
class Moderated:
    """(M,) mean squares between seeds, the degrees of freedom of each, and those of all together."""

    squares: Array
    degrees: float
    most: float

    def of(self, i: int) -> tuple[float, float]:
        """Of one configuration."""
        return float(self.squares[i]), min(self.degrees, self.most)

    def between(self, i: int, j: int) -> tuple[float, float]:
        """Of the difference of two."""
        a, b = float(self.squares[i]), float(self.squares[j])
        degrees = self.degrees * (a + b) ** 2 / (a * a + b * b) if a + b > 0 else self.most
        return a + b, min(degrees, self.most)


def moderate(seeds: Array, examples: int) -> Moderated:
    """Moderate the mean squares of M configurations with the same k seeds.

    Args:
        seeds: (M, k) scores, M and k at least 2.
        examples: how many each score is a mean over.
    """
    m, k = seeds.shape
    rest = seeds - seeds.mean(1, keepdims=True) - seeds.mean(0) + seeds.mean()
    squares = examples * (rest**2).sum(1) / (k - 1) * m / (m - 1)
    d0, s0 = fit_prior(squares, k - 1)
    common = np.full(m, s0) if np.isinf(d0) else (d0 * s0 + (k - 1) * squares) / (d0 + k - 1)
    return Moderated(np.maximum(squares, common), d0 + k - 1, float((m - 1) * (k - 1)))


def fit_prior(squares: Array, degrees: int) -> tuple[float, float]:
    """``d0`` and ``s0`` by the moments of the logarithms (Smyth 2004, section 6.2); d0 is infinite for like rows."""
    middle = float(np.median(squares))
    if middle <= 0:
        return np.inf, float(squares.mean())
    logs = np.log(np.maximum(squares, 1e-5 * middle)) - digamma(degrees / 2) + np.log(degrees / 2)
    spread = float(logs.var(ddof=1) - polygamma(1, degrees / 2))
    if spread <= 0:
        return np.inf, float(squares.mean())
    d0 = 2 * _trigamma_inverse(spread)
    return d0, float(np.exp(logs.mean() + digamma(d0 / 2) - np.log(d0 / 2)))


def _trigamma_inverse(value: float) -> float:
    """By Newton's method on 1 / trigamma, which is nearly a line (Smyth 2004, appendix)."""
    found = 0.5 + 1 / value
    for _ in range(50):
        now = float(polygamma(1, found))
        step = now * (1 - now / value) / float(polygamma(2, found))
        found += step
        if abs(step) < 1e-10 * found:
            break
    return found
