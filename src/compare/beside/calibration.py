"""``--columns ece,brier,nll``: calibration of every configuration, with intervals over seeds and examples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from src.compare.beside.losses import LOSSES, Loss
from src.compare.beside.section import Section
from src.compare.clusters import Clusters, clusters_of
from src.compare.grouping import Configuration, Group
from src.compare.present.table_sentences import interval, p_value, signed
from src.compare.statistics.crossed import MIN_SEEDS
from src.compare.statistics.features import Array
from src.compare.statistics.resampling import by_cluster, draws
from src.compare.statistics.rows import Against, Rows, Scored
from src.compare.statistics.scales import ERROR
from src.compare.tables import Table
from src.runs.logits_reading import read_logits
from src.runs.predictions_reading import PredictionsError, read_split
from src.runs.reading import Run

RESAMPLES = 2_000
NAMES = {"ece": "ECE", "brier": "Brier", "nll": "NLL"}


@dataclass(frozen=True)
class Calibration:
    """Makes the section of a table.

    Args:
        columns: names of ``LOSSES``.
        clusters: what the examples are parts of; None asks the runs' own data.
    """

    columns: Sequence[str]
    clusters: Clusters | None = None

    def __call__(self, group: Group, table: Table) -> Section | None:
        """None for a regression, which has no probabilities, and for several answers an example."""
        losses, problems, index = _losses(group, self.columns)
        if not losses:
            if not problems:
                return None
            return Section("calibration", _title(table), ["method"], [], [f"No calibration: {_first(problems)}."])
        entries = [entry for entry in group.configurations if all(str(run.folder) in losses for run in entry.runs)]
        clusters = clusters_of(group, self.clusters)
        numbers = None if clusters is None or index is None else clusters.numbers(index)
        found = {
            name: _judged(entries, {folder: own[name] for folder, own in losses.items()}, table.baseline, numbers)
            for name in self.columns
        }
        rows = [_cells(entry, place, found, table) for place, entry in enumerate(entries)]
        order = {row.label: place for place, row in enumerate(table.rows)}
        rows.sort(key=lambda cells: order[cells[0]])
        headings = ["method", *(text for name in self.columns for text in _headings(name, table))]
        data = [entry for name in self.columns for entry in _data(entries, name, *found[name])]
        said = [_meaning(table), *([f"Left out: {_first(problems)}."] if problems else [])]
        return Section("calibration", _title(table), headings, rows, said, data)


def _title(table: Table) -> str:
    return f"Calibration: {table.title}"


def _losses(group: Group, names: Sequence[str]) -> tuple[dict[str, dict[str, Loss]], dict[str, str], Array | None]:
    """Each run's losses by folder, all on the same examples; why a run has none; and the examples' index."""
    split = str(group.fixed["split"])
    found: dict[str, dict[str, Loss]] = {}
    problems: dict[str, str] = {}
    first = None
    for run in group.runs:
        try:
            index, labels, logits = _read(run, split)
        except PredictionsError as error:
            problems[str(run.folder)] = f"{run.name}: {error}"
            continue
        if logits.shape[1] < 2 or labels.ndim > 1 or not np.issubdtype(labels.dtype, np.integer):
            continue  # a regression, or several answers an example
        first = (index, labels) if first is None else first
        if not (np.array_equal(index, first[0]) and np.array_equal(labels, first[1])):
            problems[str(run.folder)] = f"{run.name}: other examples or labels than the group's other runs"
            continue
        found[str(run.folder)] = {name: LOSSES[name](logits.astype(np.float64), labels) for name in names}
    return found, problems, None if first is None else first[0]


def _read(run: Run, split: str) -> tuple[Array, Array, Array]:
    """Index, labels and logits, in the order of the index.

    Raises:
        PredictionsError: if they cannot be read, or a label has no logit.
    """
    known, logits = read_split(run.folder, split), read_logits(run.folder).get(split)
    if logits is None or len(logits) != len(known.index):
        raise PredictionsError(f"no logits of {split}")
    if not np.isfinite(logits).all():
        raise PredictionsError("logits that are not finite")
    plain = known.labels.ndim == 1 and np.issubdtype(known.labels.dtype, np.integer)
    if plain and logits.shape[1] > 1 and known.labels.max() >= logits.shape[1]:
        raise PredictionsError(f"the label {known.labels.max()} with {logits.shape[1]} logits")
    return known.index, known.labels, logits


def _judged(
    entries: Sequence[Configuration], losses: Mapping[str, Loss], baseline: str | None, clusters: Array | None
) -> tuple[list[float], Rows, dict[int, int], Against]:
    """Each configuration's mean; the rows of those with enough seeds, their places, and the differences."""
    means = [float(np.mean([losses[str(run.folder)].values.mean() for run in e.runs])) for e in entries]
    judged = [place for place, entry in enumerate(entries) if len(entry.runs) >= MIN_SEEDS]
    places = {place: number for number, place in enumerate(judged)}
    drawn = _drawn([[losses[str(run.folder)] for run in entries[place].runs] for place in judged], clusters)
    scored = []
    for number, place in enumerate(judged):
        runs = entries[place].runs
        own = np.stack([losses[str(run.folder)].values for run in runs])
        values = dict(zip((run.seed for run in runs), own.mean(1).tolist(), strict=True))
        scored.append(Scored(values, own if clusters is None else by_cluster(own, clusters), drawn[number]))
    rows = Rows(scored, ERROR, RESAMPLES)
    reference = next((places[p] for p in judged if entries[p].label == baseline), None)
    return means, rows, places, Against() if reference is None else rows.against(reference)


def _drawn(several: Sequence[Sequence[Loss]], clusters: Array | None) -> list[Array]:
    """For each configuration (R,) its mean loss on resampled examples, the same draws for all."""
    if not several:
        return []
    size = len(several[0][0].values) if clusters is None else int(clusters.max()) + 1
    found: list[list[Array]] = [[] for _ in several]
    for block in draws(np.random.default_rng(0), RESAMPLES, size):
        for own, losses in zip(found, several, strict=True):
            weights = block if clusters is None else block[:, clusters]
            own.append(np.mean([loss.resampled(weights) for loss in losses], axis=0))
    return [np.concatenate(own) for own in found]


def _headings(name: str, table: Table) -> list[str]:
    difference = [f"{NAMES[name]} minus {table.baseline}", "p"] if table.baseline else []
    return [NAMES[name], f"95 % interval of {NAMES[name]}", *difference]


def _cells(
    entry: Configuration,
    place: int,
    found: Mapping[str, tuple[list[float], Rows, dict[int, int], Against]],
    table: Table,
) -> list[str]:
    cells = [entry.label]
    for means, rows, places, against in found.values():
        number = places.get(place)
        cells += [f"{means[place]:.4f}", "" if number is None else interval(rows.mean(number))]
        if table.baseline:
            gap = against.estimates.get(number) if number is not None else None
            cells.append("" if gap is None else f"{signed(gap.mean)} {interval(gap, '{:+.4f}')}")
            cells.append("" if gap is None or number is None else p_value(against.adjusted[number]))
    return cells


def _data(
    entries: Sequence[Configuration],
    name: str,
    means: list[float],
    rows: Rows,
    places: dict[int, int],
    against: Against,
) -> list[dict[str, Any]]:
    found = []
    for place, entry in enumerate(entries):
        number = places.get(place, -1)
        gap = against.estimates.get(number)
        found.append(
            {
                "column": name,
                "label": entry.label,
                "mean": means[place],
                "interval": asdict(rows.mean(number)) if number >= 0 else None,
                "difference": None if gap is None else asdict(gap),
                "p_adjusted": against.adjusted.get(number),
            }
        )
    return found


def _meaning(table: Table) -> str:
    against = ", intervals and p of differences for all rows of a column at once" if table.baseline else ""
    return (
        f"Of the probabilities at the same epoch; less is better; intervals over seeds and examples{against}. ECE over "
        "15 bins of equal mass is too high by chance on few examples."
    )


def _first(problems: Mapping[str, str]) -> str:
    reasons = list(problems.values())
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return reasons[0] + more
