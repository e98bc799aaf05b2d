"""From differences to verdicts: better, worse, equivalent within a margin, undecided.

Each follows from an interval that is shown beside it. The interval of the difference, which holds for all rows at once,
says better or worse. Equivalence is two one-sided tests at 5 % (Schuirmann 1987) with Holm's adjustment over the rows,
and has an interval of its own, narrower than the other: 90 % where there is one row, ``1 - 2 alpha / j`` where Holm
tests among j.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from src.compare.statistics.crossed import ALPHA, Error
from src.compare.statistics.estimate import Estimate, detectable, equivalence_p, smallest_margin
from src.compare.statistics.joint import holm, holm_levels
from src.compare.tables import Row

BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"
NOT_SHOWN, NO_CLAIM = "no difference shown", "no claim"
KINDS = (BETTER, WORSE, EQUIVALENT, UNDECIDED, NOT_SHOWN)


def error_of(found: Estimate) -> Error:
    """The standard error that an estimate was made with."""
    return Error(found.standard_error, found.degrees, found.limit or 0.0)


Interval = tuple[float, float]


def with_verdicts(
    rows: Sequence[Row], baseline: str | None, margin: float | None, lower_is_better: bool, alpha: float = ALPHA
) -> list[Row]:
    """The rows, each with its verdict, its interval for equivalence and the p of it.

    Args:
        rows: of one table.
        baseline: its label; the baseline has no verdict.
        margin: up to which two configurations count as equivalent, in the metric's unit; None asks for differences.
        lower_is_better: of the metric.
        alpha: of all rows together.
    """
    gaps = [row.difference for row in rows if row.difference]
    ps: list[float | None] = [None] * len(gaps)
    intervals: list[Interval | None] = [None] * len(gaps)
    if margin is not None:
        ps, intervals = _equivalence(gaps, margin, alpha)
    found = iter(zip(ps, intervals, strict=True))
    judged = []
    for row in rows:
        if row.difference is None:
            judged.append(replace(row, verdict=None if row.label == baseline else NO_CLAIM))
            continue
        p, own = next(found)
        said, beyond = judge((row.difference.low, row.difference.high), own, margin, lower_is_better)
        judged.append(replace(row, p_equivalent=p, equivalence=own, verdict=said, beyond=beyond))
    return judged


def judge(
    difference: Interval, equivalence: Interval | None, margin: float | None, lower_is_better: bool
) -> tuple[str, bool | None]:
    """The verdict that two intervals of a difference give, and whether it lies beyond the margin, see ``Row``.

    A difference is shown if its interval leaves out 0, equivalence if the interval for it lies inside +-margin. Where
    both are, the verdict is the difference, and it is not beyond the margin: real, and smaller than what matters.
    """
    low, high = difference
    within = margin is not None and equivalence is not None and -margin <= equivalence[0] <= equivalence[1] <= margin
    if low <= 0 <= high:
        return (NOT_SHOWN if margin is None else EQUIVALENT if within else UNDECIDED), None
    said = BETTER if (high < 0) == lower_is_better else WORSE
    if margin is None:
        return said, None
    return said, True if low > margin or high < -margin else False if within else None


def _equivalence(
    gaps: Sequence[Estimate], margin: float, alpha: float
) -> tuple[list[float | None], list[Interval | None]]:
    """Adjusted p-values of equivalence, and the intervals that they belong to."""
    ps = [equivalence_p(gap.mean, error_of(gap), margin) for gap in gaps]
    reaches = [error_of(gap).reach(2 * level) for gap, level in zip(gaps, holm_levels(ps, alpha), strict=True)]
    intervals = [(gap.mean - reach, gap.mean + reach) for gap, reach in zip(gaps, reaches, strict=True)]
    return list(holm(ps)), list(intervals)


def pooled_error(rows: Sequence[Row]) -> Error | None:
    """The standard error of a difference that all rows together speak for: of the mean variance, by Satterthwaite."""
    gaps = [row.difference for row in rows if row.difference]
    if not gaps:
        return None
    squares = np.array([gap.standard_error**2 for gap in gaps])
    spread = sum(square**2 / gap.degrees for square, gap in zip(squares, gaps, strict=True))
    # Rows share the baseline and the table's variance between seeds: all of them are hardly more than one.
    degrees = float(squares.sum() ** 2 / spread / len(gaps)) if spread > 0 else np.inf
    limit = np.sqrt(np.mean([(gap.limit or 0.0) ** 2 for gap in gaps]))
    return Error(float(np.sqrt(squares.mean())), degrees, float(limit))


def power(rows: Sequence[Row], alpha: float = ALPHA) -> tuple[float | None, float | None]:
    """The smallest true difference, and the smallest margin, that a table would have shown with 80 % power."""
    error = pooled_error(rows)
    if error is None or error.standard_error == 0:
        return None, None
    share = alpha / sum(row.difference is not None for row in rows)
    return detectable(error, share), smallest_margin(error, share)
