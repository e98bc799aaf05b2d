"""From differences to verdicts: better, worse, equivalent within a margin, undecided."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from src.compare.statistics.crossed import ALPHA, Error
from src.compare.statistics.estimate import Estimate, detectable, equivalence_p, smallest_margin
from src.compare.statistics.joint import holm
from src.compare.tables import Row

BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"
NOT_SHOWN, NO_CLAIM = "no difference shown", "no claim"
KINDS = (BETTER, WORSE, EQUIVALENT, UNDECIDED, NOT_SHOWN)


def error_of(found: Estimate) -> Error:
    """The standard error that an estimate was made with."""
    return Error(found.standard_error, found.degrees, found.limit or 0.0)


def with_verdicts(
    rows: Sequence[Row], baseline: str | None, margin: float | None, lower_is_better: bool, level: float
) -> list[Row]:
    """The rows, each with its verdict.

    A difference is shown if the interval, which holds for all rows at once, leaves out 0. Equivalence within the margin
    is shown by two one-sided tests (Schuirmann 1987) with Holm's adjustment over the rows. Where both are shown, the
    verdict is the difference, and ``beyond`` is False: it is real and smaller than the margin.

    Args:
        rows: of one table.
        baseline: its label; the baseline has no verdict.
        margin: up to which two configurations count as equivalent, in the metric's unit; None asks for differences.
        lower_is_better: of the metric.
        level: of the table's intervals.
    """
    gaps = [row.difference for row in rows if row.difference]
    equivalent: list[float | None] = [None] * len(gaps)
    if margin is not None:
        equivalent = list(holm([equivalence_p(gap.mean, error_of(gap), margin) for gap in gaps]))
    ps = iter(equivalent)
    return [
        _judged(row, next(ps), margin, lower_is_better, level)
        if row.difference
        else replace(row, verdict=None if row.label == baseline else NO_CLAIM)
        for row in rows
    ]


def _judged(row: Row, equivalent: float | None, margin: float | None, lower: bool, level: float) -> Row:
    assert row.difference is not None
    gap = row.difference
    within = equivalent is not None and equivalent <= ALPHA
    if row.p_adjusted is not None and row.p_adjusted <= ALPHA:
        said = BETTER if (gap.mean < 0) == lower else WORSE
    elif margin is None:
        said = NOT_SHOWN
    else:
        said = EQUIVALENT if within else UNDECIDED
    beyond = None
    if margin is not None and said in (BETTER, WORSE):
        far = abs(gap.mean) - error_of(gap).reach(level) > margin
        beyond = True if far else False if within else None
    return replace(row, p_equivalent=equivalent, verdict=said, beyond=beyond)


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


def power(rows: Sequence[Row]) -> tuple[float | None, float | None]:
    """The smallest true difference, and the smallest margin, that a table would have shown with 80 % power."""
    error = pooled_error(rows)
    if error is None or error.standard_error == 0:
        return None, None
    alpha = ALPHA / sum(row.difference is not None for row in rows)
    return detectable(error, alpha), smallest_margin(error, alpha)
