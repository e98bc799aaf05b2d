"""What the numbers of a published table support.

A row i is a mean score x_i over k_i seeds on n_i examples, with the standard deviation s_i over the seeds. Its variance
has two parts, and a printed table holds only the second:

    examples   e_i^2: another sample of examples would have judged it differently. For a rate p (one right and one wrong
               answer are added, Agresti & Caffo 2000) p (1 - p) / n; for Matthews' (1 - x^2) / n, which is exact for
               two classes of equal size; for a correlation (1 - x^2)^2 / (n - 1).
    seeds      s_i^2 / k_i; unknown for one run, or where no spread is printed.

Two rows were judged on the same examples, and what one gets right the other often does: with the correlation r of
their answers, var(x_i - x_j) = e_i^2 + e_j^2 - 2 r e_i e_j + s_i^2 / k_i + s_j^2 / k_j. A table does not show r; r = 0
is what it supports by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from src.compare.audit.entries import Entry, PublishedTable
from src.compare.statistics.joint import holm

Array = NDArray[np.float64]
DRAWS = 20_000
ALPHA, POWER = 0.05, 0.8


@dataclass(frozen=True)
class Judged:
    """One row of an audited table, in the table's own unit.

    Attributes:
        entry: the row.
        error: standard error of its score, of examples and seeds together.
        gap: to the best row; ``needed`` is the gap at which the row would no longer be tied with it, and ``detectable``
            the true gap that this table shows 4 times in 5.
        p_best: how often chance alone puts a row of equal merit so far behind the others.
        difference: to the baseline, with ``difference_error``; ``p`` is Holm's over all rows.
    """

    entry: Entry
    error: float
    gap: float
    needed: float | None
    detectable: float | None
    p_best: float
    difference: float | None = None
    difference_error: float | None = None
    p: float | None = None

    @property
    def tied(self) -> bool:
        return self.p_best > ALPHA


def judge(
    table: PublishedTable,
    correlation: float = 0.0,
    baseline: str | None = None,
    other_examples: bool = True,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Judged]:
    """Every row of a table, best first.

    Which rows are tied with the best is a confidence set of the best (Hsu 1996): row i leaves it if it lies further
    behind some row, in standard errors of the difference, than the largest of all such distances would lie by chance
    19 times in 20, were all rows equal. That distance is drawn, with each row's own number of seeds: the seeds'
    variances are drawn anew, too, so that few seeds count with Student's tails.

    Args:
        table: one task's rows.
        correlation: of two rows' answers over the examples.
        baseline: the row that differences are taken to; None for none.
        other_examples: whether the examples could have been others; if not, the seeds' spread is all that counts.
        draws: of the distribution by chance.
        seed: of the draws.

    Raises:
        KeyError: for a baseline that no row is called.
    """
    rows = sorted(table.entries, key=lambda row: -row.score)
    scores = np.array([row.score for row in rows])
    examples = np.array([example_error(row, table) if other_examples else 0.0 for row in rows])
    seeds = np.array([(row.deviation or 0.0) / row.seeds**0.5 for row in rows])
    degrees = np.array([row.seeds - 1.0 if row.deviation is not None else np.inf for row in rows])
    squares = _squares(examples, seeds**2, correlation)
    largest = _largest_by_chance(examples, seeds, degrees, correlation, draws, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        behind = np.nan_to_num((scores[None] - scores[:, None]) / np.sqrt(squares), nan=0.0)
    distances = behind.max(1)
    limits = np.quantile(largest, 1 - ALPHA, axis=1)
    errors_to_best = np.sqrt(squares[:, 0])
    against = _against(rows, scores, squares, seeds, degrees, baseline)
    return [
        Judged(
            row,
            float(np.hypot(examples[i], seeds[i])),
            float(scores[0] - scores[i]),
            float(limits[i] * errors_to_best[i]) if i else None,
            float((limits[i] + ndtri(POWER)) * errors_to_best[i]) if i else None,
            float((1 + (largest[i] >= distances[i]).sum()) / (draws + 1)),
            *against[i],
        )
        for i, row in enumerate(rows)
    ]


def example_error(row: Entry, table: PublishedTable) -> float:
    """Standard error of a row's score over samples of examples, in the table's unit; 0 where no formula is known."""
    x, n = row.score / table.unit, row.examples
    match table.metric:
        case "accuracy":
            p = (x * n + 1) / (n + 2)
            square = p * (1 - p) / (n + 2)
        case "matthews_correlation":
            square = max(1 - x * x, 0.0) / n
        case "pearson" | "spearmanr":
            square = (1 - x * x) ** 2 / (n - 1)
        case _:
            square = 0.0
    return table.unit * square**0.5


def _squares(examples: Array, seeds: Array, correlation: float) -> Array:
    """(m, m) variances of the differences; ``seeds`` are squares, of shape (..., m)."""
    shared = examples[:, None] ** 2 + examples[None] ** 2 - 2 * correlation * examples[:, None] * examples[None]
    return shared + seeds[..., :, None] + seeds[..., None, :]


def _largest_by_chance(
    examples: Array, seeds: Array, degrees: Array, correlation: float, draws: int, seed: int
) -> Array:
    """(m, draws) how far, in standard errors, each row lies behind the others at most where all are equal."""
    rng = np.random.default_rng(seed)
    m = len(examples)
    common = np.sqrt(correlation) * rng.standard_normal((draws, 1))
    noise = examples * (common + np.sqrt(1 - correlation) * rng.standard_normal((draws, m)))
    noise += seeds * rng.standard_normal((draws, m))
    finite = np.where(np.isinf(degrees), 1.0, degrees)
    scale = np.where(np.isinf(degrees), 1.0, rng.chisquare(finite, (draws, m)) / finite)
    variances = seeds**2 * scale
    found = np.empty((m, draws))
    for i in range(m):  # one row at a time: (draws, m) and not (draws, m, m)
        shared = examples[i] ** 2 + examples**2 - 2 * correlation * examples[i] * examples
        with np.errstate(divide="ignore", invalid="ignore"):
            distances = (noise - noise[:, [i]]) / np.sqrt(shared + variances[:, [i]] + variances)
        distances[:, i] = 0.0
        found[i] = np.nan_to_num(distances, nan=0.0).max(1)
    return found


def _against(
    rows: Sequence[Entry], scores: Array, squares: Array, seeds: Array, degrees: Array, baseline: str | None
) -> list[tuple[float | None, float | None, float | None]]:
    """Each row's difference to the baseline, its standard error, and its p: Welch's t, adjusted by Holm."""
    if baseline is None:
        return [(None, None, None)] * len(rows)
    names = [row.method for row in rows]
    if baseline not in names:
        raise KeyError(baseline)
    place = names.index(baseline)
    others = [i for i in range(len(rows)) if i != place]
    ps = []
    for i in others:
        parts = [(seeds[j] ** 4 / degrees[j]) for j in (i, place) if np.isfinite(degrees[j]) and seeds[j] > 0]
        df = squares[i, place] ** 2 / sum(parts) if parts else np.inf
        distance = abs(scores[i] - scores[place]) / squares[i, place] ** 0.5 if squares[i, place] > 0 else np.inf
        ps.append(2 * float(stdtr(min(df, 1e9), -distance)) if scores[i] != scores[place] else 1.0)
    adjusted = dict(zip(others, holm(ps), strict=True))
    return [
        (float(scores[i] - scores[place]), float(squares[i, place] ** 0.5), adjusted[i]) if i in adjusted
        else (None, None, None)
        for i in range(len(rows))
    ]  # fmt: skip
