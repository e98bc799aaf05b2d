"""A run folder that a command is given, before anything of it is loaded."""

from pathlib import Path

from src.config.rules import show
from src.runs.layout import RESULT, RunFolder
from src.runs.reading import find_runs, read_run
from src.runs.run_record import RunRecord
from src.utils.errors import UserError
from src.utils.text import shown_path


def open_run(path: str | Path) -> tuple[Path, RunRecord]:
    """A finished run's folder and record, the model not yet loaded; raises UserError if it is none."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    if not RunFolder(folder).result.exists():
        below = [shown_path(run.folder) for run in find_runs([folder]) if run.problem is None]
        hint = f"; runs below it: {', '.join(below[:5])}{' ...' if len(below) > 5 else ''}" if below else ""
        raise UserError(f"{folder} is not a run: it holds no {RESULT}{hint}")
    run = read_run(folder)
    record = run.record
    if record.status != "ok":  # none at all where the record breaks the schema
        raise UserError(f"{shown_path(folder)} cannot be used: {run.problem}")
    if record.tasks:
        raise UserError(
            f"{folder} has a head for each of {', '.join(record.tasks)}; only runs of one task can be deployed yet"
        )
    if record.content.get("text") is not None and not 1 <= len(record.text) <= 2:
        text = show(list(record.text))
        raise UserError(f"{RunFolder(folder).result}: text={text} breaks the rule: the names of one or two columns")
    return folder, record
