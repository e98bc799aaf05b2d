"""Expected best validation score as a function of the tuning budget (Dodge et al. 2019, arXiv 1909.03004)."""

from collections.abc import Sequence


def expected_best(scores: Sequence[float], lower_is_better: bool = False) -> list[float]:
    """The expected best of n random trials, for n = 1 .. N, from the N that were run.

    ``E[max of n] = sum_i v_(i) (P_i^n - P_(i-1)^n)`` over the sorted scores ``v_(i)``, with ``P_i = i / N``: n
    trials are drawn with replacement from those that were run. It assumes independent trials, as random search's are.
    """
    ordered = sorted(scores, reverse=lower_is_better)
    size = len(ordered)
    return [
        sum(score * ((i / size) ** n - ((i - 1) / size) ** n) for i, score in enumerate(ordered, start=1))
        for n in range(1, size + 1)
    ]
