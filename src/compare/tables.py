"""What a comparison is made of: rows, tables, matrices over tasks."""

from dataclasses import asdict, dataclass, field
from typing import Any

from src.compare.beside.section import Section
from src.compare.statistics.estimate import Estimate


@dataclass(frozen=True)
class Row:
    """One configuration, its seeds taken together.

    Attributes:
        values: the metric at the selected epoch, per seed of ``seeds``.
        mean: over seeds; ``interval`` is its estimate where there are at least three seeds.
        best: mean over seeds at each run's best epoch, as most papers report; ``last`` at the last epoch.
        difference: to the baseline, paired by seed; None for the baseline itself and for fewer than three common seeds.
            Its interval holds for all of the table's differences at once.
        p_adjusted: its p for all of the table's differences at once, see ``src.compare.statistics.joint``.
        p_equivalent: that it lies within the margin, after Holm's adjustment over the rows; None without a margin.
        equivalence: low and high of the difference's interval for that: the row is equivalent to the baseline if it
            lies inside the margin, and no difference is shown.
        verdict: ``better``, ``worse``, ``equivalent`` or ``undecided``; without a margin ``no difference shown`` in
            place of the last two; ``no claim`` where there is nothing to judge by; None for the baseline.
        beyond: whether it is shown to be larger than the margin, False also where it is shown to be smaller.
        tied: whether nothing is shown to be better than this configuration; None where that cannot be told.
        consistency: share of examples on which all seeds agree.
        collapsed: number of seeds that predict one class throughout.
        pareto: no other configuration scores at least as well with at most as many adapter parameters.
        notes: why something is missing, and what calls for care.
    """

    label: str
    long_label: str
    method: str
    varied: dict[str, Any]
    seeds: list[int]
    folders: list[str]
    values: list[float]
    mean: float
    deviation: float
    interval: Estimate | None
    best: float | None
    last: float | None
    difference: Estimate | None
    p_adjusted: float | None
    p_equivalent: float | None
    equivalence: tuple[float, float] | None
    verdict: str | None
    beyond: bool | None
    tied: bool | None
    adapter: int
    router: int
    head: int
    trainable: int
    total: int
    adapter_bytes: float | None
    train_s: float | None
    samples_per_s: float | None
    peak_mb: float | None
    consistency: float | None
    collapsed: int | None
    pareto: bool
    pscp: float | None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Gap:
    """A difference to a baseline that need not be the table's: what a verdict follows from.

    Attributes:
        mean: the difference; ``low`` and ``high`` of its interval for all rows at once.
        standard_error: over seeds and examples, with its ``degrees`` of freedom.
        p_adjusted: for all differences to that baseline at once.
    """

    mean: float
    low: float
    high: float
    standard_error: float
    degrees: float
    p_adjusted: float


@dataclass(frozen=True)
class Table:
    """A group: what is held fixed, the baseline's label, and the rows, best first.

    Attributes:
        baseline_rule: how the baseline was chosen, before any score of the evaluation split was seen.
        examples: how many the rows were judged on; None where no predictions are left.
        clusters: how many of what the examples are parts of were drawn whole; None where single examples are.
        learned: False if every run gives one answer to every example.
        alpha: chance that the table makes a false claim; its simultaneous intervals leave it out.
        level: the p-value of one comparison below which the table shows a difference.
        comparisons: how many differences are judged at once.
        margin: the difference, in the metric's unit, up to which two configurations count as equivalent.
        detectable: the smallest true difference that the table would have shown with 80 % power, from the rows' pooled
            variance; ``smallest_margin`` likewise of an equivalence.
        warnings: where its claims are less reliable than they say.
        against: by a baseline's label and a row's, their difference; none in a table of more than 40 rows.
    """

    fixed: dict[str, Any]
    metric: str
    lower_is_better: bool
    baseline: str | None
    baseline_rule: str | None
    resamples: int
    examples: int | None
    clusters: int | None
    learned: bool
    alpha: float
    level: float
    comparisons: int
    margin: float | None
    detectable: float | None
    smallest_margin: float | None
    warnings: list[str]
    rows: list[Row]
    against: dict[str, dict[str, Gap]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.fixed['data']} on {self.fixed['backbone']}"


@dataclass(frozen=True)
class Matrix:
    """Configurations against tasks; ``average`` is None where a task is missing, or where no average makes sense."""

    backbone: str
    tasks: list[str]
    lower_is_better: list[bool]
    rows: list[tuple[str, list[float | None], float | None]]


@dataclass(frozen=True)
class Comparison:
    """Everything there is to show.

    Attributes:
        left_out: run folders and the reason.
        beside: what has a table of its own, see ``src.compare.beside``.
    """

    tables: list[Table]
    matrices: list[Matrix]
    left_out: list[tuple[str, str]]
    runs: int
    beside: list[Section] = field(default_factory=list)

    @property
    def folders(self) -> int:
        """What was found: run folders, and entries that could not be looked into."""
        return self.runs + len(self.left_out)

    @property
    def total(self) -> str:
        """How many folders there are and what became of them, as in "7 folders: 6 runs, 1 left out"."""
        folders = f"{self.folders:,} folder{'s' * (self.folders != 1)}"
        return f"{folders}: {self.runs:,} run{'s' * (self.runs != 1)}, {len(self.left_out):,} left out"

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"folders": self.folders, "total": self.total}
