"""Times that can be compared: every arm once a round, in an order that changes, and ratios within a round."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import torch


@dataclass(frozen=True)
class Timing:
    """An arm's time over the rounds, and its ratio to the reference's in the same round.

    Attributes:
        ms: median milliseconds.
        ratio: median of the paired ratios.
        low: their first quartile.
        high: their third.
    """

    ms: float
    ratio: float
    low: float
    high: float

    def fields(self, prefix: str = "") -> dict[str, float | list[float]]:
        return {f"{prefix}ms": self.ms, f"{prefix}ratio": self.ratio, f"{prefix}ratio_quartiles": [self.low, self.high]}


def interleaved(
    arms: Mapping[str, Callable[[], Any]], reference: str, rounds: int, warmup: int = 3
) -> dict[str, Timing]:
    """Time the arms in turn, so that what slows the machine down for a while slows all of them.

    Args:
        arms: what is timed, by name.
        reference: the arm that ratios are to.
        rounds: calls of each arm that count.
        warmup: calls before these.
    """
    times: dict[str, list[float]] = {name: [] for name in arms}
    order = random.Random(0)
    for count in range(warmup + rounds):
        for name in order.sample(list(arms), len(arms)):
            seconds = timed(arms[name])
            if count >= warmup:
                times[name].append(seconds)
    return {name: _timing(own, times[reference]) for name, own in times.items()}


def timed(call: Callable[[], Any]) -> float:
    """Seconds of one call, a GPU's work included."""
    synchronize()
    started = time.perf_counter()
    call()
    synchronize()
    return time.perf_counter() - started


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _timing(own: list[float], reference: list[float]) -> Timing:
    ratios = [a / b for a, b in zip(own, reference, strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return Timing(1000 * median(own), median(ratios), low, high)
