"""``compare --diff A B``: in what two runs differ, or two sweeps job by job: settings, surroundings, results."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from src.compare.alike import TOLERANCE, distances
from src.config.rules import show
from src.runs.reading import Run, find_runs, read_run
from src.utils.errors import UserError
from src.utils.keys import leaves
from src.utils.text import printable, shown_path

# Of the record, besides the config: where and by what a run was made.
SURROUNDINGS = ("versions", "hardware", "git", "packed")
PRINTS = ("data_fingerprint", "backbone_fingerprint", "batches_fingerprint")
MOST = 30  # lines of one kind
EQUAL = "equal: same settings and surroundings; scores, predictions and logits equal to the bit"
ABSENT = object()


def diff(one: Path, other: Path) -> Iterator[str]:
    """The lines of a comparison of two runs, or of two folders above runs.

    Raises:
        UserError: if a folder does not exist, or holds no finished run.
    """
    ours, theirs = _runs(one), _runs(other)
    if len(ours) == 1 and len(theirs) == 1:
        [(_, a)], [(_, b)] = ours.items(), theirs.items()
        yield f"A: {shown_path(a.folder)}"
        yield f"B: {shown_path(b.folder)}"
        yield from diff_runs(a, b)
        return
    shared = [name for name in ours if name in theirs]
    for name, folder, runs in (("A", one, ours), ("B", other, theirs)):
        alone = [run for run in runs if run not in shared]
        yield f"{name}: {shown_path(folder)}: {len(runs)} finished runs, {len(alone)} of them only here"
        yield from (f"  only in {name}: {printable(run)}" for run in alone[:MOST])
    equal = 0
    for name in shared:
        lines = list(diff_runs(ours[name], theirs[name]))
        if lines == [EQUAL]:
            equal += 1
        else:
            yield printable(name)
            yield from (f"  {line}" for line in lines)
    yield f"{len(shared)} in both, {equal} of them equal to the bit"


def diff_runs(one: Run, other: Run) -> Iterator[str]:
    """In what two finished runs differ, a line each; ``EQUAL`` if in nothing."""
    settings = list(_changed(_settings(one), _settings(other)))
    around = list(_changed(_around(one), _around(other)))
    yield from (f"setting {line}" for line in settings[:MOST])
    if len(settings) > MOST:
        yield f"and {len(settings) - MOST} more settings"
    yield from around[:MOST]
    moved = False
    for distance in distances(one, other):
        if distance.size is None:
            yield f"{distance.what} cannot be compared: {printable(distance.said)}"
        elif distance.size:
            near = f" (within {TOLERANCE:g})" if distance.size <= TOLERANCE else ""
            said = distance.said.replace(" there", " in A").replace(" here", " in B")
            yield f"{distance.what} differ{near}: {printable(said)}"
        moved |= distance.size != 0
    if not moved:
        yield EQUAL if not settings and not around else "scores, predictions and logits are equal to the bit"


def _runs(folder: Path) -> dict[str, Run]:
    """The finished runs of a folder by their place in it."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    root = folder.resolve()
    runs = [run for run in find_runs([root]) if run.problem is None]
    if not runs:
        problem = read_run(folder).problem
        raise UserError(f"{folder} holds no finished run ({problem})")
    return {str(run.folder.relative_to(root)) if run.folder.is_relative_to(root) else str(run.folder): run
            for run in runs}  # fmt: skip


def _settings(run: Run) -> dict[str, Any]:
    config = run.record.config.content
    # What instantiates a method repeats its own node.
    return {key: value for key, value in leaves(config) if not key.startswith("model.adapter.")}


def _around(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for group in SURROUNDINGS:
        node = run.record.content.get(group)
        found |= {f"{group}.{key}": value for key, value in leaves(node)} if isinstance(node, dict) else {group: node}
    return found | {key: run.record.content.get(key) for key in PRINTS} | {"code": run.record.identity.get("code")}


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(one.keys() | other.keys(), key=str):
        a, b = (values.get(key, ABSENT) for values in (one, other))
        if repr(a) != repr(b):
            yield f"{printable(key)[:80]}: {_shown(a)} in A, {_shown(b)} in B"


def _shown(value: Any) -> str:
    return "nothing" if value is ABSENT else printable(show(value))[:80]
