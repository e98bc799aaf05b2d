"""When more seeds would settle nothing."""

import pytest

from src.compare.statistics.estimate import Estimate
from src.study.looks import hopeless


@pytest.mark.parametrize(
    ("mean", "limit", "margin", "expected"),
    [
        (0.0, 0.01, 0.05, False),  # 1.64 x 0.01 is within the margin: equivalence can be shown
        (0.0, 0.04, 0.05, True),  # 1.64 x 0.04 = 0.066 is not, and there is no difference
        (0.1, 0.04, 0.05, False),  # 1.96 x 0.04 = 0.078: the difference can be shown
        (-0.1, 0.04, 0.05, False),
        (0.07, 0.04, 0.05, True),
    ],
)
def test_by_the_normal_quantiles(mean, limit, margin, expected):
    gap = Estimate(mean, mean - 0.2, mean + 0.2, standard_error=0.1, degrees=4.0, p=0.5, limit=limit)
    assert hopeless(gap, margin, 0.05) is expected
