"""The folder that a command means which is given none: the newest sweep below the working directory."""

from collections.abc import Sequence
from pathlib import Path

from src.runs.folders import find_folders
from src.runs.layout import RESULT, SWEEP
from src.utils.errors import UserError

ROOTS = ("multirun", "outputs")  # where conf/config.yaml puts sweeps and single runs
MARKS = (SWEEP, "jobs.json")  # what a sweep writes into its folder when it starts


def latest_sweep(roots: Sequence[str] = ROOTS) -> Path:
    """The sweep that was started last; where there is none, the folder of the single runs.

    Raises:
        UserError: if there is neither.
    """
    there = [Path(root) for root in roots if Path(root).is_dir()]
    found: dict[Path, int] = {}
    for mark in MARKS:
        for entry in find_folders(there, mark):
            if entry.problem is None:
                found[entry.folder] = max(found.get(entry.folder, 0), _changed(entry.folder / mark))
    if found:
        newest = max(found, key=lambda folder: (found[folder], str(folder)))
        return newest.relative_to(Path.cwd()) if newest.is_relative_to(Path.cwd()) else newest
    for root in there:
        if next(find_folders([root], RESULT), None) is not None:
            return root
    raise UserError(f"no folder is given, and no run is in {' or '.join(roots)} here: name the folder of a sweep")


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
