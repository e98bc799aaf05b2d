"""What a study will be able to show, before it has run: the rows set a limit that no number of seeds can lower."""

import math

from scipy.special import ndtri

DISAGREE = 0.1  # of the examples, on which two methods' answers are right or wrong apart; 4 to 12 % on GLUE's dev sets
POWER = 0.8


def detectable(examples: int, comparisons: int, level: float, disagree: float = DISAGREE) -> float:
    """The smallest difference in accuracy that is shown with 80 % power, the examples' noise alone counted.

    ``(z_{1 - level / 2m} + z_{0.8}) sqrt(disagree / n)``: the difference of two methods on one example is -1, 0 or 1,
    and not 0 on a share ``disagree`` of the ``n`` examples; m comparisons share the level.
    """
    return float(ndtri(1 - level / (2 * comparisons)) + ndtri(POWER)) * math.sqrt(disagree / examples)


def needed(margin: float, comparisons: int, level: float, disagree: float = DISAGREE) -> int:
    """Examples from which on two methods that are alike would be shown to be so within the margin, with 80 % power.

    Two one-sided tests at ``level / m`` both succeed: ``(z_{1 - level / m} + z_{0.9})^2 disagree / margin^2``.
    """
    reach = float(ndtri(1 - level / comparisons) + ndtri(0.5 + POWER / 2))
    return math.ceil(disagree * (reach / margin) ** 2)
