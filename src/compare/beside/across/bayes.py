"""The Bayesian reading of differences on several tasks: how likely is a method better on another such task?

    d_t ~ N(delta_t, s_t^2)             what was measured on task t, with its standard error
    delta_t ~ t_4(mu, tau)              the true differences, around mu with heavy tails: one odd task is no surprise
    mu flat, tau ~ half-normal(scale)   by default 2 points

after Corani et al. 2017 (doi:10.1007/s10994-017-5641-9) and Benavoli et al. 2017 (JMLR 18(77)). Everything is summed
over a grid: Student's t is a normal whose variance is tau^2 / w with w ~ Gamma(2, 2), so that given w every integral
over delta_t has a closed form, and mu, tau and w are what is left. No sampling, no seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri, stdtr

Array = NDArray[np.float64]
SCALE = 0.02  # of tau: two points
DEGREES = 4.0
POINTS = {"mu": 161, "tau": 24, "w": 12}  # of the grid; forty times as many move a chance by less than .02


@dataclass(frozen=True)
class Chances:
    """Of the true difference on another such task: below -margin, within, above +margin. They sum to 1."""

    worse: float
    equivalent: float
    better: float


def chances(
    differences: Sequence[float],
    errors: Sequence[float],
    margin: float,
    lower_is_better: bool = False,
    scale: float = SCALE,
) -> Chances:
    """How likely the method is worse than the baseline, equivalent, or better on another such task.

    Args:
        differences: d_t, at least two.
        errors: their standard errors.
        margin: up to which two methods count as equivalent, in the unit of the differences; 0 for none.
        lower_is_better: of the metric.
        scale: of tau's prior, in the unit of the differences.
    """
    d, s = np.asarray(differences, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    tau = scale * -ndtri((1 - _middles(POINTS["tau"])) / 2)  # equally likely values of a half-normal
    w = gammaincinv(DEGREES / 2, _middles(POINTS["w"])) / (DEGREES / 2)  # and of Gamma(2, 2)
    reach = 6 * max(float(s.max()), float(d.std()), float(tau.max()) / 3)
    mu = np.linspace(d.min() - reach, d.max() + reach, POINTS["mu"])
    weights = _posterior(d, s, mu, tau, w)
    above = _share_above(mu, tau, margin, weights)
    below = 1.0 - _share_above(mu, tau, -margin, weights)
    worse, better = (above, below) if lower_is_better else (below, above)
    return Chances(worse, max(1.0 - worse - better, 0.0), better)


def _posterior(d: Array, s: Array, mu: Array, tau: Array, w: Array) -> Array:
    """(mu, tau) weights that sum to 1."""
    found = np.zeros((len(mu), len(tau)))
    spread = tau[:, None] ** 2 / w[None]
    for difference, error in zip(d, s, strict=True):
        variance = error**2 + spread  # (tau, w)
        density = np.exp(-0.5 * (difference - mu)[:, None, None] ** 2 / variance) / np.sqrt(variance)
        found += np.log(density.mean(2) + 1e-300)
    weights = np.exp(found - found.max())
    return weights / weights.sum()


def _share_above(mu: Array, tau: Array, limit: float, weights: Array) -> float:
    above = stdtr(DEGREES, (mu[:, None] - limit) / tau[None])
    return float((weights * above).sum())


def _middles(count: int) -> Array:
    return (np.arange(count) + 0.5) / count
