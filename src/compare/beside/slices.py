"""``--by COLUMN``: the differences to the baseline on parts of the evaluation split."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.compare.beside.data_parts import LABEL, Column
from src.compare.beside.section import Section
from src.compare.clusters import Clusters, clusters_of
from src.compare.grouping import Configuration, Group
from src.compare.predictions import GroupPanel, group_panel
from src.compare.present.table_sentences import p_value, signed
from src.compare.statistics.crossed import ALPHA, MIN_SEEDS
from src.compare.statistics.estimate import Estimate, difference_estimate
from src.compare.statistics.joint import holm
from src.compare.statistics.panel import Panel
from src.compare.statistics.ranks import make_panel
from src.compare.statistics.resampling import by_cluster
from src.compare.statistics.rows import Rows, Scored
from src.compare.statistics.scales import transformation_of
from src.compare.tables import Table
from src.compare.verdicts import error_of
from src.metrics.names import all_metrics
from src.runs.predictions_reading import PredictionsError, read_split

FEWEST = 20  # examples of a part that is judged
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One configuration on one part; ``gap`` and ``p`` are None for the baseline and for fewer than three seeds."""

    part: str
    examples: int
    label: str
    mean: float
    gap: Estimate | None
    p: float | None


@dataclass(frozen=True)
class Slices:
    """Makes the section of a table.

    Args:
        column: that the examples are parted by.
        clusters: what the examples are parts of; None asks the runs' own data.
    """

    column: Column
    clusters: Clusters | None = None

    def __call__(self, group: Group, table: Table) -> Section | None:
        """Differences on each part, p by Holm over all parts and configurations."""
        title = f"By {self.column.name}: {table.title}"
        found = group_panel(group, group.runs)
        if found.panel is None or not found.rows:
            return Section("slices", title, ["method"], [], ["No slices: no predictions can be used."])
        folder = next(iter(found.rows))
        try:
            known = read_split(Path(folder), str(group.fixed["split"]))
        except PredictionsError as error:
            return Section("slices", title, ["method"], [], [f"No slices: {error}."])
        parts = self.column.parts(known, Path(folder), str(group.fixed["split"]))
        metric = _metric_of(self.column.name, group.metric)
        judged = {name: places for name, places in parts.items() if len(places) >= FEWEST}
        clusters = clusters_of(group, self.clusters)
        numbers = None if clusters is None else clusters.numbers(known.index)
        judge = _Judge(group, found, found.panel, metric, table.baseline, numbers)
        cells = [part for name, places in judged.items() for part in judge.part(name, places)]
        return _section(title, metric, _adjusted(cells, metric), sorted(parts.keys() - judged.keys()), table)


def _metric_of(column: str, metric: str) -> str:
    """Within one class only the share of right answers means anything."""
    known = all_metrics().get(metric)
    return "accuracy" if column == LABEL and known is not None and known.reads.predicted_class else metric


@dataclass(frozen=True)
class _Judge:
    """What the configurations of a group are judged by on any part of the examples."""

    group: Group
    found: GroupPanel
    whole: Panel
    metric: str
    baseline: str | None
    clusters: Index | None  # of all examples

    def part(self, name: str, places: Index) -> list[Part]:
        """All configurations on one part, judged together as those of a table are; p not adjusted yet."""
        whole = self.whole
        panel = make_panel(self.metric, whole.labels[places], whole.predictions[:, places], whole.classes)
        if panel is None:
            return []
        clusters = None if self.clusters is None else np.unique(self.clusters[places], return_inverse=True)[1]
        members = [
            entry
            for entry in self.group.configurations
            if all(str(run.folder) in self.found.rows for run in entry.runs)
        ]
        scored = [self._scored(entry, panel, clusters) for entry in members]
        able = [number for number, entry in enumerate(members) if len(entry.runs) >= MIN_SEEDS]
        rows = Rows([scored[number] for number in able], transformation_of(self.metric))
        reference = next((place for place, number in enumerate(able) if members[number].label == self.baseline), None)
        gaps = {
            number: _gap(rows, place, reference)
            for place, number in enumerate(able)
            if reference is not None and place != reference
        }
        parts = []
        for number, entry in enumerate(members):
            gap = gaps.get(number)
            p = None if gap is None else gap.p
            parts.append(Part(name, len(places), entry.label, scored[number].mean, gap, p))
        return parts

    def _scored(self, entry: Configuration, panel: Panel, clusters: Index | None) -> Scored:
        own = panel.of([self.found.rows[str(run.folder)] for run in entry.runs])
        table = own.influence()
        values = dict(zip((run.seed for run in entry.runs), own.values.tolist(), strict=True))
        return Scored(values, table if clusters is None else by_cluster(table, clusters))


def _gap(rows: Rows, place: int, reference: int) -> Estimate | None:
    found = rows.difference(place, reference)
    return None if found is None else difference_estimate(*found, ALPHA, ALPHA, rows.scale)


def _adjusted(parts: Sequence[Part], metric: str) -> list[Part]:
    """Holm over all parts and configurations, and intervals that agree with it."""
    claims = [part for part in parts if part.gap is not None and part.p is not None]
    ps = iter(holm([part.p for part in claims if part.p is not None]))
    return [_with(part, next(ps), len(claims), metric) if part.gap is not None else part for part in parts]


def _with(part: Part, adjusted: float, size: int, metric: str) -> Part:
    assert part.gap is not None and part.p is not None
    factor = adjusted / part.p if part.p > 0 and adjusted < 1 else size
    gap = difference_estimate(
        part.gap.mean, error_of(part.gap), ALPHA / factor, ALPHA / size, transformation_of(metric)
    )
    return Part(part.part, part.examples, part.label, part.mean, gap, adjusted)


def _section(title: str, metric: str, parts: Sequence[Part], small: Sequence[str], table: Table) -> Section:
    order = {row.label: place for place, row in enumerate(table.rows)}
    names = list(dict.fromkeys(part.part for part in parts))
    ordered = sorted(parts, key=lambda part: (names.index(part.part), order[part.label]))
    headings = ["part", "examples", "method", metric]
    if table.baseline:
        headings += [f"minus {table.baseline}", "95 % interval (difference)", "p (Holm)"]
    rows = [_cells(part, bool(table.baseline)) for part in ordered]
    return Section("slices", title, headings, rows, _sentences(ordered, metric, small, table), _data(ordered, metric))


def _cells(part: Part, compared: bool) -> list[str]:
    cells = [part.part, f"{part.examples:,}", part.label, f"{part.mean:.4f}"]
    if not compared:
        return cells
    if part.gap is None or part.p is None:
        return [*cells, "", "", ""]
    return [*cells, signed(part.gap.mean), f"[{signed(part.gap.low)}, {signed(part.gap.high)}]", p_value(part.p)]


def _sentences(parts: Sequence[Part], metric: str, small: Sequence[str], table: Table) -> list[str]:
    shown = [f"{part.label} on {part.part} {signed(part.gap.mean)}" for part in parts
             if part.gap is not None and part.p is not None and part.p <= ALPHA]  # fmt: skip
    found = []
    if table.baseline:
        claims = "; ".join(shown) if shown else "none"
        found.append(f"Differences to {table.baseline} that are shown, by Holm over all parts and rows: {claims}.")
        found.append("A difference that is shown on one part and not on another does not show that the parts differ.")
    if metric != table.metric:
        found.append(f"Within one class {table.metric} says nothing, so the parts are judged by {metric}.")
    if small:
        found.append(f"Parts of fewer than {FEWEST} examples are left out: {', '.join(small)}.")
    return found


def _data(parts: Sequence[Part], metric: str) -> list[dict[str, Any]]:
    return [{**asdict(part), "metric": metric} for part in parts]
