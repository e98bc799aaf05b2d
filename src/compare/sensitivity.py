"""How a method's score depends on each number that was varied, and whether enough of it was tried."""

import math
from dataclasses import dataclass

from src.compare.tables import Row, Table
from src.plotting.axes import is_log


@dataclass(frozen=True)
class Series:
    """One method along one hyperparameter.

    Attributes:
        method: its name.
        points: value and row of every configuration.
        best: of the rows with one value the best, by increasing value.
        warning: said where the best value of all is the smallest or the largest that was tried; else None.
    """

    method: str
    points: list[tuple[float, Row]]
    best: list[tuple[float, Row]]
    warning: str | None


@dataclass(frozen=True)
class Sweep:
    """A hyperparameter, and the methods for which at least two values of it were tried."""

    name: str
    log: bool
    series: list[Series]

    @property
    def values(self) -> list[float]:
        return sorted({value for series in self.series for value, _ in series.points})


def sweeps(table: Table) -> list[Sweep]:
    """One for each numeric hyperparameter that varies within a method of the table."""
    names = sorted({name for row in table.rows for name in row.varied})
    found = []
    for name in names:
        series = [
            made for method in sorted({row.method for row in table.rows}) if (made := _series(table, name, method))
        ]
        if series:
            values = [value for each in series for value, _ in each.points]
            found.append(Sweep(name, is_log(values), series))
    return found


def _series(table: Table, name: str, method: str) -> Series | None:
    rows = [row for row in table.rows if row.method == method and _is_number(row.varied.get(name))]
    points = sorted(((float(row.varied[name]), row) for row in rows), key=lambda point: point[0])
    values = sorted({value for value, _ in points})
    if len(values) < 2:
        return None
    pick = min if table.lower_is_better else max
    best = [pick((point for point in points if point[0] == value), key=lambda point: point[1].mean) for value in values]
    return Series(method, points, best, _warning(name, method, values, pick(best, key=lambda point: point[1].mean)[0]))


def _warning(name: str, method: str, values: list[float], at: float) -> str | None:
    if at not in (values[0], values[-1]):
        return None
    which = "smallest" if at == values[0] else "largest"
    return f"{method}: best at {name}={at:g}, the {which} of {len(values)} values tried; a better one may lie beyond."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
