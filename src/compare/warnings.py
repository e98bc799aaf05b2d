"""Where a table's claims are less reliable than they say."""

from collections.abc import Sequence

from scipy.special import betaincinv

from src.compare.statistics.crossed import ALPHA, MIN_SEEDS


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
