"""A table in words: what may be claimed, what may not, and what this design could have shown."""

from collections.abc import Sequence

from src.compare.comparison import Row, Table
from src.compare.statistics.crossed import LEVEL, MIN_SEEDS, Estimate

ALPHA = 1 - LEVEL


def sentences(table: Table) -> list[str]:
    """The findings, one sentence each: what is held fixed, who is best, each difference, what was too small to see."""
    return [held_fixed(table), _best(table), *_differences(table), *_few_seeds(table), *_power(table)]


def held_fixed(table: Table) -> str:
    """What is the same in all runs of the table."""
    shown = {key: value for key, value in table.fixed.items() if key not in ("data", "backbone", "metric", "split")}
    parts = [f"{key} {_value(value)}" for key, value in shown.items() if value not in (None, "None")]
    return f"Held fixed: {table.fixed['data']} on {table.fixed['backbone']}, {', '.join(parts)}."


def verdict(row: Row, lower_is_better: bool) -> str:
    """``better``, ``worse``, ``no difference shown`` or, where there is nothing to judge by, ``no claim``."""
    if row.difference is None or row.p_adjusted is None:
        return "no claim"
    if row.p_adjusted > ALPHA:
        return "no difference shown"
    return "better" if (row.difference.mean < 0) == lower_is_better else "worse"


def signed(value: float) -> str:
    """Four decimals with a sign; what rounds to nothing has none."""
    return f"{value:+.4f}" if abs(value) >= 5e-5 else "0.0000"


def interval(found: Estimate, form: str = "{:.4f}") -> str:
    """``[low, high]``."""
    return f"[{form.format(found.low)}, {form.format(found.high)}]"


def best_minus_last(row: Row) -> float | None:
    """What picking the best epoch on the reported split would have added to the last epoch's score."""
    return None if row.best is None or row.last is None else row.best - row.last


def _best(table: Table) -> str:
    best = table.rows[0]
    direction = "Lowest" if table.lower_is_better else "Highest"
    seeds = f"{len(best.seeds)} seed{'s' * (len(best.seeds) > 1)}"
    return f"{direction} mean {table.metric} on {table.fixed['split']}: {best.label} with {best.mean:.4f} ({seeds})."


def _differences(table: Table) -> list[str]:
    found = []
    for kind in ("better", "worse", "no difference shown"):
        rows = [row for row in table.rows if verdict(row, table.lower_is_better) == kind]
        if rows:
            lead = f"{kind.capitalize()} than" if kind in ("better", "worse") else "No difference shown to"
            found.append(f"{lead} {table.baseline}: {_listed([_difference(row) for row in rows], '; ')}.")
    return found


def _difference(row: Row) -> str:
    assert row.difference is not None and row.p_adjusted is not None
    gap = row.difference
    return f"{row.label} {signed(gap.mean)} [{signed(gap.low)}, {signed(gap.high)}], p {row.p_adjusted:.2g}"


def _few_seeds(table: Table) -> list[str]:
    rows = [row.label for row in table.rows if len(row.seeds) < MIN_SEEDS]
    if not rows:
        return []
    who = "all" if len(rows) == len(table.rows) else _listed(rows)
    return [f"Fewer than {MIN_SEEDS} seeds ({who}): no claim is made."]


def _power(table: Table) -> list[str]:
    gaps = [row.difference.detectable for row in table.rows if row.difference and row.difference.detectable]
    if not gaps:
        return []
    smallest = f"{min(gaps):.4f}"
    if max(gaps) - min(gaps) >= 5e-5:
        smallest += f" to {max(gaps):.4f}, depending on the row,"
    return [
        f"Power: with these seeds and examples a true difference to {table.baseline} of {smallest} would have been "
        "shown 4 times in 5 (5 % level, one comparison); smaller ones may exist unseen."
    ]


def _listed(parts: Sequence[str], between: str = ", ", most: int = 12) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return between.join(parts[:most]) + more


def _value(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
