"""From a comparison's tables to what they say of several tasks at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from src.compare.beside.across.bayes import SCALE, chances
from src.compare.beside.across.judged import Across, Judged
from src.compare.beside.across.means import FEWEST, LEVEL, Mean, driver, of_another, of_these, prediction
from src.compare.beside.across.task_sentences import cells, headings, sentences
from src.compare.beside.section import Section
from src.compare.statistics.estimate import Estimate
from src.compare.statistics.joint import holm
from src.compare.tables import Table


def across_tasks(tables: Sequence[Table]) -> list[Section]:
    """A section for each backbone with two tasks or more whose tables have one baseline and rows in common.

    A task's best-filled table stands for it. Tasks whose metric is an error are left out: its unit is none of theirs.
    """
    by_backbone: dict[tuple[str, str], dict[str, Table]] = defaultdict(dict)
    for table in tables:
        tasks = by_backbone[table.fixed["backbone"], table.fixed["backbone fingerprint"]]
        task = table.fixed["data"]
        usable = table.learned and not table.lower_is_better
        if usable and (task not in tasks or len(table.rows) > len(tasks[task].rows)):
            tasks[task] = table
    sections = (_section(backbone, tasks) for (backbone, _), tasks in sorted(by_backbone.items()) if len(tasks) > 1)
    return [section for section in sections if section is not None]


def _section(backbone: str, tasks: Mapping[str, Table]) -> Section | None:
    title = f"Over all tasks on {backbone}"
    baselines = {name: _baseline(table) for name, table in tasks.items()}
    if None in baselines.values():
        return None
    if len(set(baselines.values())) > 1:
        said = ", ".join(f"{label} on {task}" for task, label in sorted(baselines.items()))
        return Section("tasks", title, ["method"], [], [f"No mean over tasks: the baselines differ ({said})."])
    found = _across(backbone, tasks, str(next(iter(baselines.values()))))
    if not found.rows:
        return None
    data = [{**asdict(row), "tasks": list(found.metrics), "margin": found.margin} for row in found.rows]
    rows = [cells(row, len(found.metrics), found.margin) for row in found.rows]
    shown = headings(len(found.metrics), found.margin)
    return Section("tasks", title, shown, rows, sentences(found), data)


def _baseline(table: Table) -> str | None:
    return next((row.long_label for row in table.rows if row.label == table.baseline), None)


def _across(backbone: str, tasks: Mapping[str, Table], baseline: str) -> Across:
    """Complete rows only: what was not run on a task has no mean over the tasks."""
    names = sorted(tasks)
    gaps: dict[str, dict[str, Estimate]] = defaultdict(dict)
    for task in names:
        for row in tasks[task].rows:
            if row.difference is not None:
                gaps[row.long_label][task] = row.difference
    margin = tasks[names[0]].margin
    complete = {label: [own[task] for task in names] for label, own in gaps.items() if len(own) == len(names)}
    rows = [_judged(label, names, own, margin) for label, own in complete.items()]
    return Across(backbone, baseline, {task: tasks[task].metric for task in names}, margin, _adjusted(rows))


def _judged(label: str, tasks: Sequence[str], gaps: Sequence[Estimate], margin: float | None) -> Judged:
    differences, errors = [gap.mean for gap in gaps], [gap.standard_error for gap in gaps]
    these = of_these(differences, errors, [gap.degrees for gap in gaps])
    enough = len(gaps) >= FEWEST
    another = of_another(differences) if enough else None
    scales = (SCALE, SCALE / 2, SCALE * 2) if enough else ()
    read = [chances(differences, errors, margin or 0.0, scale=scale) for scale in scales]
    return Judged(
        label,
        differences,
        these,
        these.p,
        another,
        None if another is None else another.p,
        prediction(differences) if enough else None,
        read[0] if read else None,
        read[1:],
        driver(tasks, differences),
    )


def _adjusted(rows: Sequence[Judged]) -> list[Judged]:
    """Holm over the configurations, for each question by itself; the best mean first."""
    ordered = sorted(rows, key=lambda row: (-row.these.value, row.label))
    these = _together([row.these for row in ordered])
    another = _together([row.another for row in ordered if row.another])
    found = [replace(row, these=mean, p_these=p) for row, (mean, p) in zip(ordered, these, strict=True)]
    if not another:
        return found
    return [replace(row, another=mean, p_another=p) for row, (mean, p) in zip(found, another, strict=True)]


def _together(means: Sequence[Mean]) -> list[tuple[Mean, float]]:
    """Each mean with the adjusted p, and an interval that leaves out 0 if, and only if, that is at most 5 %."""
    found = []
    for mean, p in zip(means, holm([mean.p for mean in means]), strict=True):
        factor = p / mean.p if mean.p > 0 and p < 1 else len(means)
        found.append((mean.widened((1 - LEVEL) / factor), p))
    return found
