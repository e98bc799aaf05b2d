"""Means and differences with their intervals, and what a design could have shown."""

from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtrinc, ndtri

from src.compare.statistics.crossed import ALPHA, Error, quantile, tail
from src.compare.statistics.features import Array
from src.compare.statistics.scales import PLAIN, Transformation

POWER = 0.8


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval, or a difference of two; the fields from ``p`` on are a difference's.

    Attributes:
        mean: what was found.
        low: of the interval; that of a difference holds for all differences of the table at once.
        high: likewise.
        standard_error: over seeds and examples.
        degrees: of freedom that it counts with.
        p: two-sided, of this one comparison.
        detectable: the smallest true difference that is shown with 80 % power at the level of the table's interval.
        limit: the standard error that is left with infinitely many seeds on the same examples.
        single_low: of the 95 % interval of this one comparison; ``single_high`` likewise.
    """

    mean: float
    low: float
    high: float
    standard_error: float
    degrees: float
    p: float | None = None
    detectable: float | None = None
    limit: float | None = None
    single_low: float | None = None
    single_high: float | None = None


def mean_estimate(
    value: float, error: Error, draws: Array, scale: Transformation = PLAIN, examples: int = 0
) -> Estimate:
    """A mean with the interval that has the shape of its draws, on the metric's own scale.

    The draws, transformed and standardised, are stretched to the standard error and Student's quantile: left alone
    they would be too narrow for few seeds (Owen 2007, doi:10.1214/07-AOAS122; Hesterberg 2015). The transformation
    keeps the interval of a rate near 1 below 1.

    Args:
        value: the mean.
        error: its standard error.
        draws: (R,) means with other seeds and other examples.
        scale: of the metric.
        examples: what the value was computed from; its half is the room that is left at the ends of the scale.
    """
    low, high = _shaped(value, error, draws, scale, 0.5 / max(examples, 1))
    return Estimate(value, low, high, error.standard_error, error.degrees)


def _shaped(value: float, error: Error, draws: Array, scale: Transformation, room: float) -> tuple[float, float]:
    if error.standard_error == 0.0:
        return _without_spread(value, scale, room)
    least, most = scale.low + room * (scale.low > -np.inf), scale.high - room * (scale.high < np.inf)
    at = float(np.clip(value, least, most))
    found = scale.forward(np.clip(draws, least, most))
    spread = found.std()
    reach = error.standard_error * scale.slope(at) * quantile(1 - ALPHA / 2, error.degrees)
    shape = np.array([-1.0, 1.0])
    if spread > 0:
        normal = float(ndtri(1 - ALPHA / 2))
        shape = np.quantile((found - found.mean()) / spread, [ALPHA / 2, 1 - ALPHA / 2]) / normal
    low, high = scale.back(scale.forward(np.array(at)) + shape * reach)
    return min(float(low), value), max(float(high), value)


def _without_spread(value: float, scale: Transformation, room: float) -> tuple[float, float]:
    """All examples alike: of a rate the interval of Clopper and Pearson (1934), ``(alpha / 2)^(1 / n)`` at n of n."""
    end = (ALPHA / 2) ** (2 * room)
    if scale.widest == 1.0 and value in (0.0, 1.0) and room < 0.5:
        return (end, 1.0) if value else (0.0, 1 - end)
    return value, value


def difference_estimate(
    difference: float, error: Error, level: float, share: float, scale: Transformation = PLAIN
) -> Estimate:
    """A difference whose interval leaves out 0 if, and only if, its p is at most the level.

    Args:
        difference: what was found.
        error: its standard error.
        level: the p-value below which the family of comparisons makes a claim.
        share: of alpha that each comparison has, for ``detectable``.
        scale: of the metric; no difference is wider than it.
    """
    wide, single = error.reach(level), error.reach()
    most = scale.widest
    return Estimate(
        difference,
        max(difference - wide, -most),
        min(difference + wide, most),
        error.standard_error,
        error.degrees,
        error.p(difference),
        detectable(error, share),
        error.limit,
        max(difference - single, -most),
        min(difference + single, most),
    )


def detectable(error: Error, alpha: float = ALPHA) -> float:
    """The smallest true difference that a two-sided test at alpha shows with 80 % power, by the noncentral t."""
    critical = quantile(1 - alpha / 2, error.degrees)
    if error.degrees > 1e6:
        return (critical + float(ndtri(POWER))) * error.standard_error
    return float(nctdtrinc(error.degrees, 1 - POWER, critical)) * error.standard_error


def smallest_margin(error: Error, alpha: float = ALPHA) -> float:
    """The smallest margin within which a true difference of 0 is shown with 80 % power, about 3 standard errors.

    Both one-sided tests of Schuirmann (1987) have to reject: ``(t_{1 - alpha} + t_{0.9}) standard errors``.
    """
    reach = quantile(1 - alpha, error.degrees) + quantile((1 + POWER) / 2, error.degrees)
    return reach * error.standard_error


def equivalence_p(difference: float, error: Error, margin: float) -> float:
    """The larger p of the two one-sided tests that the true difference lies within +-margin (Schuirmann 1987)."""
    room = margin - abs(difference)
    if error.standard_error == 0.0:
        return float(room < 0)
    return tail(room / error.standard_error, error.degrees)


def settles(error: Error, margin: float, alpha: float = ALPHA) -> bool:
    """Whether infinitely many seeds could show a difference of 0 to lie within +-margin, on the same examples."""
    return quantile(1 - alpha, np.inf) * error.limit < margin
