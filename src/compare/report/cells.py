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
    """A column; ``extra`` ones are shown on demand. ``hint`` explains the heading, ``key`` names it for the scripts."""

    key: str
    heading: str
    cell: Callable[[Row], Cell]
    hint: str = ""
    extra: bool = False
    text: bool = False


def columns(table: Table) -> list[Column]:
    """The columns after the configuration's name; a difference and its verdict only where there is one."""
    metric = table.metric
    found = [
        Column("seeds", "n", lambda row: Cell(str(len(row.seeds)), sort=len(row.seeds)), "seeds taken together"),
        Column("score", metric, _score, "mean over seeds at the selected epoch; below it the 95 % interval"),
        *(_judged(table) if any(row.difference for row in table.rows) else []),
        Column("adapter", "adapter values", lambda row: _count(row.adapter), "trained outside head and router"),
        Column("train_time", "train time", lambda row: _number(row.train_s, "{:,.1f} s"), "mean over seeds"),
        Column("memory", "peak memory", lambda row: _number(row.peak_mb, "{:,.0f} MB"), "in training, mean over seeds"),
    ]
    return [*found, *_on_demand(metric)]


def _judged(table: Table) -> list[Column]:
    return [
        Column("difference", f"minus {table.baseline}", _difference,
               "difference paired by seed and example; below it its 95 % interval, which holds for all rows at once"),
        Column("forest", "difference, drawn", lambda row: Cell(kind="forest"),
               "the difference with its interval; shaded: the margin"),
        Column("verdict", "verdict", lambda row: _verdict(row, table), "at the 5 % level for all rows together",
               text=True),
    ]  # fmt: skip


def _on_demand(metric: str) -> list[Column]:
    return [
        Column("best", "best", lambda row: Cell("tied" if row.tied else "", sort=int(bool(row.tied))),
               "tied: nothing is shown to be better", True, True),
        Column("front", "front", lambda row: Cell("front" if row.pareto else "", sort=int(row.pareto), kind="front"),
               "nothing here scores as well with fewer adapter parameters", True, True),
        Column("trained", "trained", lambda row: _number(100 * row.trainable / row.total, "{:.2f} %"),
               "share of the model", True),
        Column("best_epoch", "best epoch", lambda row: _number(row.best, "{:.4f}"), f"{metric} at its best epoch",
               True),
        Column("last_epoch", "last epoch", lambda row: _number(row.last, "{:.4f}"), f"{metric} at the last epoch",
               True),
        Column("best_last", "best - last", _best_minus_last,
               "what picking the best epoch on the reported set would add", True),
        Column("deviation", "sd of seeds",
               lambda row: _number(row.deviation if len(row.seeds) > 1 else None, "{:.4f}"), "", True),
        Column("router", "router", lambda row: _count(row.router), "values trained in routers", True),
        Column("head", "head", lambda row: _count(row.head), "values trained in the classification head", True),
        Column("trainable", "trainable", lambda row: _count(row.trainable), "adapter, router and head", True),
        Column("model", "model", lambda row: _count(row.total), "all values, frozen ones too", True),
        Column("saved", "saved", lambda row: _number(row.adapter_bytes, "{:,.0f}"), "bytes of the saved adapter", True),
        Column("speed", "samples/s", lambda row: _number(row.samples_per_s, "{:,.0f}"), "while training", True),
        Column("agree", "agree", lambda row: _number(row.consistency, "{:.1%}"), "examples on which all seeds agree",
               True),
        Column("collapsed", "collapsed", lambda row: _number(row.collapsed, "{}"), "seeds that predict one class only",
               True),
        Column("pscp", "PSCP", lambda row: _number(row.pscp, "{:.3f}"),
               "PEFT-Bench's efficiency-aware score (arXiv 2511.21285)", True),
        Column("per_seed", "per seed", lambda row: Cell(_per_seed(row)), "seed: score", True, True),
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
    return Cell(said, p, said, row.verdict.split()[0] if row.verdict else "")


def _best_minus_last(row: Row) -> Cell:
    gap = best_minus_last(row)
    return Cell() if gap is None else Cell(signed(gap), sort=gap)


def _per_seed(row: Row) -> str:
    return ", ".join(f"{seed}: {value:.4f}" for seed, value in zip(row.seeds, row.values, strict=True))


def _count(value: int) -> Cell:
    return Cell(f"{value:,}", sort=value)


def _number(value: float | None, form: str) -> Cell:
    return Cell() if value is None else Cell(form.format(value), sort=value)
