"""Where a table's claims are less reliable than they say."""

from collections.abc import Sequence
from statistics import fmean

from scipy.special import betaincinv, fdtrc

from src.compare.statistics.crossed import ALPHA, MIN_SEEDS
from src.compare.tables import Row


def clopper_pearson(count: int, total: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934), from the beta distribution's quantiles."""
    low = 0.0 if count == 0 else float(betaincinv(count, total - count + 1, ALPHA / 2))
    high = 1.0 if count == total else float(betaincinv(count + 1, total - count, 1 - ALPHA / 2))
    return low, high


def collapse_notes(collapsed: int | None, seeds: int) -> list[str]:
    """What to say of a configuration some of whose seeds learned nothing."""
    if not collapsed:
        return []
    low, high = clopper_pearson(collapsed, seeds)
    rate = f"{100 * collapsed / seeds:.0f} % of its seeds, 95 % interval {100 * low:.0f} to {100 * high:.0f} %"
    return [
        f"{collapsed} of {seeds} seeds give{'s' * (collapsed == 1)} one answer throughout ({rate}): "
        "the interval of the mean is not reliable"
    ]


def table_warnings(rows: Sequence[Row], baseline: str | None, metric: str) -> list[str]:
    """What there is to be said of a table as a whole, of whose rows one is the baseline."""
    spread = next(((row.deviation, len(row.seeds)) for row in rows if row.label == baseline), None)
    others = [(row.deviation, len(row.seeds)) for row in rows if row.difference]
    return few_seeds_warning([seeds for _, seeds in others]) + unstable_baseline_warning(spread, others, metric)


def few_seeds_warning(seeds: Sequence[int]) -> list[str]:
    """Where simulated tables do not keep to their 5 %: with three seeds, see docs/statistics.md.

    Args:
        seeds: of each row that is compared, how many.
    """
    if MIN_SEEDS not in seeds:
        return []
    return [
        f"With {MIN_SEEDS} seeds a table makes a false claim in 1 to 8 % of cases, depending on how much seeds differ, "
        "for the 5 % that are meant; more seeds keep to it more closely."
    ]


def unstable_baseline_warning(
    baseline: tuple[float, int] | None, others: Sequence[tuple[float, int]], metric: str
) -> list[str]:
    """Where the baseline's seeds vary more than the others': its error is in every difference, and hardly known.

    By Fisher's F of the variances at 5 %. In simulated tables of 9 methods and 3 seeds whose baseline varies four times
    as much as the others, up to 10 % make a false claim.

    Args:
        baseline: the standard deviation of its seeds' scores, and their number.
        others: likewise of the rows that are compared with it.
        metric: its name.
    """
    if baseline is None or len(others) < 2 or baseline[1] < MIN_SEEDS:
        return []
    pooled = fmean(deviation**2 for deviation, _ in others)
    degrees = baseline[1] - 1, sum(seeds - 1 for _, seeds in others)
    if baseline[0] == 0 or (pooled > 0 and fdtrc(*degrees, baseline[0] ** 2 / pooled) > ALPHA):
        return []
    return [
        f"The seeds of the baseline vary more than those of the other rows (standard deviation of {metric} "
        f"{baseline[0]:.4f} against {pooled**0.5:.4f}): with few seeds up to 10 % of such tables make a false claim, "
        "for the 5 % that are meant. Another baseline, or more seeds, keeps to it."
    ]
