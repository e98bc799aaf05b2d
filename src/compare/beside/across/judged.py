"""What is known of configurations over several tasks."""

from dataclasses import dataclass

from src.compare.beside.across.bayes import Chances
from src.compare.beside.across.means import Mean


@dataclass(frozen=True)
class Judged:
    """One configuration over all tasks.

    Attributes:
        label: its name over all tasks.
        differences: to the baseline, in the order of the tasks.
        these: their mean, these tasks given; ``p_these`` is Holm's, and the interval agrees with it.
        another: the mean over tasks such as these, and ``p_another``; None for fewer than four tasks.
        predicted: 95 % interval for one more such task.
        chances: of the true difference on one more such task, by the margin; ``sensitivity`` the same with half and
            with twice the prior's scale.
        driver: the task whose difference is larger than all others together.
    """

    label: str
    differences: list[float]
    these: Mean
    p_these: float
    another: Mean | None
    p_another: float | None
    predicted: tuple[float, float] | None
    chances: Chances | None
    sensitivity: list[Chances]
    driver: str | None


@dataclass(frozen=True)
class Across:
    """The tasks of one backbone, all against one baseline.

    Attributes:
        metrics: by task; their differences are averaged as they are.
        margin: of the comparison; None without one.
    """

    backbone: str
    baseline: str
    metrics: dict[str, str]
    margin: float | None
    rows: list[Judged]
