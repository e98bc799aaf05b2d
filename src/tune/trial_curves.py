"""The curves of an arm: what it would have reached with fewer trials."""

from collections.abc import Sequence
from dataclasses import dataclass

from src.tune.band import median_band
from src.tune.expected import expected_best, expected_of_winner
from src.tune.method_statistics import Scores


@dataclass(frozen=True)
class Curves:
    """Against the number of trials, from 1.

    Attributes:
        expected_best: the best held-out score, on average.
        expected_dev: the dev score of the trial with the best held-out score, on average; None if dev scores are gone.
        low, high: 95 % band for the median of the best held-out score; None where the trials set no limit.
        decided_to: trials up to which the band has a limit towards better scores. Beyond, the curve decides nothing.
    """

    expected_best: list[float]
    expected_dev: list[float] | None
    low: list[float | None]
    high: list[float | None]
    decided_to: int


def make_curves(held_out: Sequence[float], scores: Scores | None, lower_is_better: bool) -> Curves:
    """The curves of independent trials.

    Args:
        held_out: of every spent trial.
        scores: both scores of the same trials, if their runs are there.
        lower_is_better: of the metric.
    """
    low, high = median_band(held_out, lower_is_better)
    dev = None if scores is None else expected_of_winner(scores.held_out, scores.dev, lower_is_better)
    better = low if lower_is_better else high
    return Curves(expected_best(held_out, lower_is_better), dev, low, high, sum(limit is not None for limit in better))
