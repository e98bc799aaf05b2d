"""Where a command writes: never over what it reads, and never over a run's own files."""

import os
from collections.abc import Iterable
from pathlib import Path

from src.runs.claim import is_ours, is_own_name, own_files
from src.utils.errors import UserError


def new_folder(folder: Path) -> None:
    """Check that a folder can be written to without mixing with what is there.

    Raises:
        UserError: if it is a file, a folder that holds something, or has the place of a run's own file.
    """
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out={folder} exists already: name a new or an empty folder")
    keep_inputs("--out", folder)


def keep_inputs(option: str, out: Path, inputs: Iterable[Path] = (), runs: Iterable[Path] = ()) -> None:
    """Check that an output takes the place of nothing that is read, by whatever name or link it is given.

    Args:
        option: what names the output.
        out: the output, which need not exist.
        inputs: files that the command reads; of a folder, every file in it.
        runs: run folders that it reads.

    Raises:
        UserError: if the output is one of the inputs, or a file that a run has or would have written.
    """
    real = Path(os.path.realpath(out))
    for folder in list(real.parents)[:2]:  # a run's own folders have no folders in them
        if is_own_name(real.relative_to(folder).parts[0]) and is_ours(folder):
            raise UserError(f"{option}={out} is a file of the run {folder}: name another one; nothing was written")
    if not real.is_file():
        return
    read = [file for path in inputs for file in (path.rglob("*") if path.is_dir() else (path,))]
    for path in (*read, *(file for run in runs for file in own_files(run.expanduser()))):
        if path.is_file() and path.samefile(real):
            same = "" if path == out else f" is {path}, which"
            raise UserError(f"{option}={out}{same} is read: an output replaces no input; name another file")
