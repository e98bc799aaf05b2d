"""Several tasks in words: what holds for these, and what for another such task."""

from src.compare.beside.across.judged import Across, Judged
from src.compare.beside.across.means import FEWEST, Mean
from src.compare.present.table_sentences import p_value, signed

MOST = 8  # configurations with sentences of their own


def headings(tasks: int, margin: float | None) -> list[str]:
    """Of the columns that ``cells`` fills."""
    found = ["method", f"mean of these {tasks}", "95 % interval", "p (Holm)", "worse on"]
    if tasks < FEWEST:
        return found
    chances = ["P(worse)", *(["P(equivalent)"] if margin else []), "P(better)"]
    return [*found, "another such task: 95 % interval", "p (Holm) over tasks", "predicted difference", *chances]


def cells(row: Judged, tasks: int, margin: float | None) -> list[str]:
    """One configuration's texts."""
    worse = sum(gap < 0 for gap in row.differences)
    found = [row.label, signed(row.these.value), _interval(row.these), p_value(row.p_these), f"{worse} of {tasks}"]
    if row.another is None or row.p_another is None or row.predicted is None or row.chances is None:
        return found
    low, high = row.predicted
    read = [row.chances.worse, *([row.chances.equivalent] if margin else []), row.chances.better]
    shown = [f"{chance:.2f}" for chance in read]
    return [*found, _interval(row.another), p_value(row.p_another), f"[{signed(low)}, {signed(high)}]", *shown]


def sentences(found: Across) -> list[str]:
    """Two questions, kept apart, and the reading by chances with what it depends on."""
    tasks = list(found.metrics)
    said = [_these(row, found) for row in found.rows[:MOST]]
    if len(tasks) < FEWEST:
        said.append(f"{len(tasks)} tasks say nothing of another such task: {FEWEST} are needed.")
    else:
        said += [_another(row, found) for row in found.rows[:MOST]]
        said.append(
            "P: of the true difference on another such task, by a model in which tasks differ by about 2 points "
            "beforehand (in brackets: by 1 and by 4)."
        )
    if len(set(found.metrics.values())) > 1:
        kinds = ", ".join(f"{metric} ({task})" for task, metric in found.metrics.items())
        said.append(f"The mean mixes metrics whose points are not alike: {kinds}.")
    return said


def _these(row: Judged, found: Across) -> str:
    worse, tasks = sum(gap < 0 for gap in row.differences), len(found.metrics)
    drives = f"; {row.driver} drives it" if row.driver else ""
    return (
        f"Averaged over these {tasks} tasks {row.label} is {signed(row.these.value)} {_interval(row.these)} against "
        f"{found.baseline}, p {p_value(row.p_these)}: worse on {worse} of {tasks}{drives}. This says nothing of other "
        "tasks."
    )


def _another(row: Judged, found: Across) -> str:
    assert row.another and row.predicted and row.chances and row.p_another is not None
    shown = row.p_another <= 0.05
    verdict = ("better" if row.another.value > 0 else "worse") if shown else "no difference shown"
    low, high = row.predicted
    named = [("worse", "worse"), ("better", "better")]
    if found.margin:
        named = [("worse", f"worse by more than {found.margin:g}"), ("equivalent", "equivalent"),
                 ("better", f"better by more than {found.margin:g}")]  # fmt: skip
    chances = ", ".join(f"P({text}) {_chance(row, name)}" for name, text in named)
    return (
        f"On another such task {row.label}: {verdict} (mean {_interval(row.another)}, p {p_value(row.p_another)}); a "
        f"difference from {signed(low)} to {signed(high)} is to be expected; {chances}."
    )


def _chance(row: Judged, name: str) -> str:
    others = " and ".join(f"{getattr(chance, name):.2f}" for chance in row.sensitivity)
    return f"{getattr(row.chances, name):.2f} ({others})"


def _interval(found: Mean) -> str:
    return f"[{signed(found.low)}, {signed(found.high)}]"
