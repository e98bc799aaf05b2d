"""The answer of a table in at most two sentences: which configuration to use, and what is known of the others."""

from collections.abc import Sequence

from src.compare.present.table_sentences import NOTHING_LEARNED, interval, signed, verdict
from src.compare.statistics.crossed import ALPHA, MIN_SEEDS, quantile
from src.compare.statistics.estimate import Estimate
from src.compare.tables import Row, Table
from src.compare.verdicts import BETTER, EQUIVALENT, NOT_SHOWN, UNDECIDED, WORSE

MOST_NAMES = 6  # of each verdict
MOST_SEEDS = 20  # that are thought of


def answer(table: Table) -> list[str]:
    """What to use and why, then how the others stand to the baseline; one sentence where nothing can be claimed."""
    if not table.learned:
        return [NOTHING_LEARNED]
    best = table.rows[0]
    if not any(row.difference for row in table.rows):
        which = "Lowest" if table.lower_is_better else "Highest"
        seen = f"{which} mean {table.metric}: {best.label} with {best.mean:.4f}."
        if len(table.rows) == 1:
            return [seen]
        return [f"No claim: fewer than {MIN_SEEDS} seeds in common. {seen}"]
    return [_lead(table), _others(table)]


def recommended(table: Table) -> Row | None:
    """Of the rows better than the baseline, else of those equivalent to it and the baseline, the one that trains the
    fewest values; None where nothing is better and no margin says what is equivalent."""
    better = [row for row in table.rows if row.verdict == BETTER]
    alike = [row for row in table.rows if row.verdict == EQUIVALENT or row.label == table.baseline]
    candidates = better or (alike if table.margin is not None else [])
    return min(candidates, key=lambda row: row.trainable) if candidates else None


def _lead(table: Table) -> str:
    chosen, baseline = recommended(table), next(row for row in table.rows if row.label == table.baseline)
    if chosen is None:
        tied = [row.label for row in table.rows if row.tied and row is not baseline]
        also = f" Tied with the best: {_names(tied)}." if tied else ""
        return f"Nothing is shown to be better than {baseline.label} ({baseline.mean:.4f}).{also}"
    if chosen is baseline:
        return f"Use {baseline.label} ({baseline.mean:.4f}): nothing is shown to be better, or as good with less."
    gap = chosen.difference
    assert gap is not None
    said = f"{verdict(chosen, table)} ({signed(gap.mean)} {interval(gap, '{:+.4f}')})"
    return f"Use {chosen.label} ({chosen.mean:.4f}): {trained_values(chosen, baseline)}; {said}."


def trained_values(row: Row, baseline: Row) -> str:
    """How many values a row trains, beside another."""
    ratio = baseline.trainable / max(row.trainable, 1)
    if ratio >= 1.5:
        return f"{ratio:,.0f} times fewer trained values than {baseline.label}"
    if ratio <= 1 / 1.5:
        return f"{1 / ratio:,.0f} times more trained values than {baseline.label}"
    return f"about as many trained values as {baseline.label}"


def _others(table: Table) -> str:
    parts = []
    within = "" if table.margin is None else f" within ±{table.margin:g}"
    for kind, words in (
        (BETTER, "better"), (EQUIVALENT, f"equivalent{within}"), (NOT_SHOWN, NOT_SHOWN),
        (UNDECIDED, f"{UNDECIDED} (in brackets the seeds that would settle it, should the difference stay)"),
        (WORSE, "worse"),
    ):  # fmt: skip
        rows = [row for row in table.rows if row.verdict == kind]
        if rows:
            parts.append(f"{words}: {_names([_with_hope(row, table) for row in rows])}")
    return f"Against {table.baseline}, {'; '.join(parts)}."


def _with_hope(row: Row, table: Table) -> str:
    if row.verdict != UNDECIDED or row.difference is None or table.margin is None:
        return row.label
    more = more_seeds(row.difference, len(row.seeds), table.margin, ALPHA / max(table.comparisons, 1))
    if more is None:
        return f"{row.label} (hardly any)"
    return f"{row.label} (about {more} more)"


def more_seeds(gap: Estimate, seeds: int, margin: float, alpha: float) -> int | None:
    """How many more seeds would settle a difference that stays what it is; None if ``MOST_SEEDS`` would not.

    With k' seeds in place of k the variance is ``limit^2 + (SE^2 - limit^2) k / k'``, and the degrees of freedom grow
    in step.

    Args:
        gap: the difference.
        seeds: that it is known from.
        margin: up to which it does not matter.
        alpha: of one comparison.
    """
    limit = (gap.limit or 0.0) ** 2
    for more in range(1, MOST_SEEDS + 1):
        share = seeds / (seeds + more)
        error = (limit + max(gap.standard_error**2 - limit, 0.0) * share) ** 0.5
        degrees = gap.degrees / share
        if abs(gap.mean) > quantile(1 - alpha / 2, degrees) * error:
            return more
        if margin - abs(gap.mean) > quantile(1 - alpha, degrees) * error:
            return more
    return None


def _names(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - MOST_NAMES} more" if len(labels) > MOST_NAMES else ""
    return ", ".join(labels[:MOST_NAMES]) + more
