"""A logarithmic axis that has room for 0, and when an axis should be logarithmic at all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LOG_FROM = 8.0  # largest over smallest value from which an axis is logarithmic
CLOSE_TICKS = 1.5  # decades up to which 2 and 5 are marked too


@dataclass(frozen=True)
class ZeroLog:
    """A logarithmic axis drawn on a linear one.

    Attributes:
        positions: log10 of the values; that of 0 lies to the left of all others.
        ticks: positions and what is written there.
        zero: the position of 0, or None where no value is 0.
        edges: where the axis begins and ends.
    """

    positions: list[float]
    ticks: list[tuple[float, str]]
    zero: float | None
    edges: tuple[float, float]


def zero_log(values: Sequence[float]) -> ZeroLog:
    """Place non-negative values on a logarithmic axis; 0, which has no logarithm, gets a place of its own."""
    logs = [math.log10(value) for value in values if value > 0]
    low, high = (min(logs), max(logs)) if logs else (0.0, 0.0)
    room = max(0.08 * (high - low), 0.15)
    ticks = _ticks(low, high)
    zero = None
    if len(logs) < len(values):
        zero = low - max(0.2 * (high - low), 0.5)
        ticks = [(zero, "0"), *(tick for tick in ticks if tick[0] > zero + room)]
    positions = [math.log10(value) if value > 0 else float(zero or 0.0) for value in values]
    return ZeroLog(
        positions, ticks if logs else [(zero or 0.0, "0")], zero, (min([low, *positions]) - room, high + room)
    )


def is_log(values: Sequence[float]) -> bool:
    """Whether values, all above 0, spread far enough for a logarithmic axis."""
    return min(values) > 0 and max(values) / min(values) >= LOG_FROM


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    steps = (1, 2, 5) if high - low <= CLOSE_TICKS else (1,)
    exponents = range(math.floor(low), math.ceil(high) + 1)
    values = [step * 10**exponent for exponent in exponents for step in steps]
    room = max(0.08 * (high - low), 0.15)
    return [(math.log10(v), short(v)) for v in values if low - room <= math.log10(v) <= high + room]


def short(value: float) -> str:
    """1,000 as 1k, 1,000,000 as 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
