"""A table in words: what may be claimed, what may not, and what this design could have shown."""

from collections.abc import Sequence

from src.compare.statistics.crossed import MIN_SEEDS
from src.compare.statistics.estimate import Estimate, settles
from src.compare.tables import Row, Table
from src.compare.verdicts import BETTER, EQUIVALENT, NOT_SHOWN, UNDECIDED, WORSE, error_of

NOTHING_LEARNED = "Nothing was learned: every run gives one answer to every example."
SCOPE = (
    "A verdict is about these settings, this training sample and examples like these: another training sample, another "
    "tuning or another task may say something else."
)


def sentences(table: Table) -> list[str]:
    """The findings, one sentence each: what is held fixed, who is best, each difference, what was too small to see."""
    if not table.learned:
        return [held_fixed(table), NOTHING_LEARNED]
    return [
        held_fixed(table),
        _best(table),
        *_tied(table),
        *_baseline(table),
        *_differences(table),
        *_few_seeds(table),
        *_clusters(table),
        *_power(table),
        *_margin(table),
        *table.warnings,
    ]


def held_fixed(table: Table) -> str:
    """What is the same in all runs of the table."""
    shown = {key: value for key, value in table.fixed.items() if key not in ("data", "backbone", "metric", "split")}
    parts = [f"{key} {_value(value)}" for key, value in shown.items() if value not in (None, "None")]
    return f"Held fixed: {table.fixed['data']} on {table.fixed['backbone']}, {', '.join(parts)}."


def verdict(row: Row, table: Table) -> str:
    """The verdict as it is read in a cell, such as ``worse by more than 0.01``; empty for the baseline."""
    if row.verdict == EQUIVALENT:
        return f"equivalent within ±{table.margin:g}"
    if row.verdict in (BETTER, WORSE) and row.beyond is not None:
        return f"{row.verdict} by {'more' if row.beyond else 'less'} than {table.margin:g}"
    return row.verdict or ""


def p_value(p: float) -> str:
    """Two digits, and below 0.0001 just that."""
    return "< .0001" if p < 1e-4 else f"{p:.2g}"


def signed(value: float) -> str:
    """Four decimals with a sign; what rounds to nothing has none."""
    return f"{value:+.4f}" if abs(value) >= 5e-5 else "0.0000"


def interval(found: Estimate, form: str = "{:.4f}") -> str:
    """``[low, high]``."""
    return f"[{form.format(found.low)}, {form.format(found.high)}]"


def percent(share: float) -> str:
    """``95 %``, with as many digits as it has."""
    return f"{100 * share:.4g} %"


def equivalence(row: Row) -> str:
    """The interval that equivalence within the margin is judged by; empty without a margin."""
    return "" if row.equivalence is None else f"[{row.equivalence[0]:+.4f}, {row.equivalence[1]:+.4f}]"


def best_minus_last(row: Row) -> float | None:
    """What picking the best epoch on the reported split would have added to the last epoch's score."""
    return None if row.best is None or row.last is None else row.best - row.last


def _best(table: Table) -> str:
    best = table.rows[0]
    direction = "Lowest" if table.lower_is_better else "Highest"
    seeds = f"{len(best.seeds)} seed{'s' * (len(best.seeds) > 1)}"
    return f"{direction} mean {table.metric} on {table.fixed['split']}: {best.label} with {best.mean:.4f} ({seeds})."


def _tied(table: Table) -> list[str]:
    tied = [row.label for row in table.rows if row.tied]
    if not tied:
        return []
    if len(tied) == 1:
        return [f"Nothing is tied with the best: {tied[0]} is shown to be better than every other row."]
    return [f"Tied with the best (nothing is shown to be better than these): {_listed(tied)}."]


def _baseline(table: Table) -> list[str]:
    return [f"Baseline: {table.baseline} ({table.baseline_rule})."] if table.baseline else []


def _differences(table: Table) -> list[str]:
    leads = {
        BETTER: "Better than {}",
        WORSE: "Worse than {}",
        EQUIVALENT: f"Equivalent to {{}} within ±{table.margin} (in brackets the interval that shows it)",
        UNDECIDED: f"Undecided against {{}} (neither a difference nor equivalence within ±{table.margin} is shown)",
        NOT_SHOWN: "No difference shown to {}",
    }
    found = []
    for kind, lead in leads.items():
        rows = [_difference(row, table) for row in table.rows if row.verdict == kind]
        if rows:
            found.append(f"{lead.format(table.baseline)}: {_listed(rows, '; ')}.")
    return found


def _difference(row: Row, table: Table) -> str:
    assert row.difference is not None and row.p_adjusted is not None
    gap = row.difference
    p = f"p {p_value(row.p_adjusted)}"
    extent = "" if row.beyond is None else f", {'more' if row.beyond else 'less'} than {table.margin:g}"
    if row.verdict == EQUIVALENT and row.p_equivalent is not None:
        return f"{row.label} {signed(gap.mean)} {equivalence(row)}, p {p_value(row.p_equivalent)}"
    return f"{row.label} {signed(gap.mean)} [{signed(gap.low)}, {signed(gap.high)}], {p}{extent}"


def _few_seeds(table: Table) -> list[str]:
    rows = [row.label for row in table.rows if len(row.seeds) < MIN_SEEDS]
    if not rows:
        return []
    who = "all" if len(rows) == len(table.rows) else _listed(rows)
    return [f"Fewer than {MIN_SEEDS} seeds ({who}): no claim is made."]


def _clusters(table: Table) -> list[str]:
    if table.clusters is None:
        return []
    return [f"The {table.examples:,} examples are parts of {table.clusters:,} clusters, which are drawn whole."]


def _power(table: Table) -> list[str]:
    if table.detectable is None:
        return []
    gaps = [row.difference.detectable for row in table.rows if row.difference and row.difference.detectable]
    among = f", among {table.comparisons} comparisons" if table.comparisons > 1 else ""
    rows = f" (by row {min(gaps):.4f} to {max(gaps):.4f})" if gaps and max(gaps) - min(gaps) >= 5e-5 else ""
    return [
        f"Power: with these seeds and examples a true difference to {table.baseline} of {table.detectable:.4f}{rows} "
        f"would have been shown 4 times in 5{among}; smaller ones may exist unseen. The smallest margin within which "
        f"equivalence could have been shown is {table.smallest_margin:.4f}."
    ]


def _margin(table: Table) -> list[str]:
    """Where not even infinitely many seeds would settle a row."""
    if table.margin is None or table.examples is None:
        return []
    alpha = table.alpha / max(table.comparisons, 1)
    open_rows = [row for row in table.rows if row.verdict == UNDECIDED and row.difference]
    hopeless = [
        row.label for row in open_rows
        if row.difference and not settles(error_of(row.difference), table.margin, alpha)
    ]  # fmt: skip
    if not hopeless:
        return []
    who = "" if len(hopeless) == len(open_rows) else f" for {_listed(hopeless)}"
    drawn = f"{table.clusters:,} clusters" if table.clusters else f"{table.examples:,} examples"
    return [f"{drawn} cannot settle ±{table.margin:g}{who}: more seeds do not help, more examples would."]


def _listed(parts: Sequence[str], between: str = ", ", most: int = 12) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return between.join(parts[:most]) + more


def _value(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
