"""The columns of the report's table."""

from collections.abc import Callable
from dataclasses import dataclass

from src.compare.present.table_sentences import best_minus_last, interval, p_value, signed, verdict
from src.compare.tables import Row, Table


@dataclass(frozen=True)
class Cell:
    """What is written, smaller what is written below it, and what it is sorted by (None: after everything else)."""

    text: str = ""
    below: str = ""
    sort: float | str | None = None
    kind: str = ""


@dataclass(frozen=True)
class Column:
    """A column; ``extra`` ones are shown on demand. ``hint`` explains the heading."""

    heading: str
    cell: Callable[[Row], Cell]
    hint: str = ""
    extra: bool = False
    text: bool = False


def columns(table: Table) -> list[Column]:
    """The columns after the configuration's name."""
    metric = table.metric
    return [
        Column("seeds", lambda row: Cell(str(len(row.seeds)), sort=len(row.seeds)), "runs taken together"),
        Column(metric, _score, "mean over seeds at the selected epoch; below it the 95 % interval"),
        Column(f"minus {table.baseline or 'baseline'}", _difference,
               "difference paired by seed and example; below it its 95 % interval, which holds for all rows at once"),
        Column("verdict", lambda row: _verdict(row, table), "at the 5 % level for all rows together", text=True),
        Column("best", lambda row: Cell("tied" if row.tied else "", sort=int(bool(row.tied))),
               "tied: nothing is shown to be better", text=True),
        Column("adapter", lambda row: _count(row.adapter), "values trained outside head and router"),
        Column("trained", lambda row: _number(100 * row.trainable / row.total, "{:.2f} %"), "share of the model"),
        Column("train time", lambda row: _number(row.train_s, "{:,.1f} s"), "mean over seeds"),
        Column("peak memory", lambda row: _number(row.peak_mb, "{:,.0f} MB"), "while training, mean over seeds"),
        Column("front", lambda row: Cell("front" if row.pareto else "", sort=int(row.pareto), kind="front"),
               "nothing here scores as well with fewer adapter parameters", text=True),
        Column("best epoch", lambda row: _number(row.best, "{:.4f}"), f"{metric} at each run's best epoch", True),
        Column("last epoch", lambda row: _number(row.last, "{:.4f}"), f"{metric} at the last epoch", True),
        Column("best - last", _best_minus_last, "what picking the best epoch on the reported set would add", True),
        Column("sd of seeds", lambda row: _number(row.deviation if len(row.seeds) > 1 else None, "{:.4f}"), "", True),
        Column("router", lambda row: _count(row.router), "values trained in routers", True),
        Column("head", lambda row: _count(row.head), "values trained in the classification head", True),
        Column("trainable", lambda row: _count(row.trainable), "adapter, router and head", True),
        Column("model", lambda row: _count(row.total), "all values, frozen ones too", True),
        Column("saved", lambda row: _number(row.adapter_bytes, "{:,.0f}"), "bytes of the saved adapter", True),
        Column("samples/s", lambda row: _number(row.samples_per_s, "{:,.0f}"), "while training", True),
        Column("agree", lambda row: _number(row.consistency, "{:.1%}"), "examples on which all seeds agree", True),
        Column("collapsed", lambda row: _number(row.collapsed, "{}"), "seeds that predict one class only", True),
        Column("PSCP", lambda row: _number(row.pscp, "{:.3f}"),
               "PEFT-Bench's efficiency-aware score (arXiv 2511.21285)", True),
        Column("per seed", lambda row: Cell(_per_seed(row)), "seed: score", True, True),
    ]  # fmt: skip


def _score(row: Row) -> Cell:
    below = interval(row.interval) if row.interval else ""
    return Cell(f"{row.mean:.4f}", below, row.mean, "score")


def _difference(row: Row) -> Cell:
    if row.difference is None:
        return Cell()
    gap = row.difference
    return Cell(signed(gap.mean), f"[{signed(gap.low)}, {signed(gap.high)}]", gap.mean)


def _verdict(row: Row, table: Table) -> Cell:
    if row.label == table.baseline:
        return Cell("baseline", sort="", kind="baseline")
    said = verdict(row, table)
    p = "" if row.p_adjusted is None else f"p {p_value(row.p_adjusted)}"
    return Cell(said, p, said, said.split()[0])


def _best_minus_last(row: Row) -> Cell:
    gap = best_minus_last(row)
    return Cell() if gap is None else Cell(signed(gap), sort=gap)


def _per_seed(row: Row) -> str:
    return ", ".join(f"{seed}: {value:.4f}" for seed, value in zip(row.seeds, row.values, strict=True))


def _count(value: int) -> Cell:
    return Cell(f"{value:,}", sort=value)


def _number(value: float | None, form: str) -> Cell:
    return Cell() if value is None else Cell(form.format(value), sort=value)
