"""Whose folder it is: asked before the first byte of a run is written there.

A run goes where there is nothing that it would write over, or where this program has worked before: a record or a lock
says so. Whatever else holds files of a run's names is a stranger's, and stays as it is.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from src.runs.layout import CONTENT, HYDRA, LOCK, RESULT, SWEEP
from src.runs.lock import locked, marked
from src.runs.reading import unchecked_record
from src.utils import fence
from src.utils.errors import UserError
from src.utils.paths import ROOT
from src.utils.places import what_helps


@contextmanager
def claimed(folder: Path, more: Sequence[str] = ()) -> Iterator[None]:
    """Within the block the folder is this process's alone; a folder that this thread holds already is so anyway.

    Args:
        folder: a run's.
        more: further names that will be written there.

    Raises:
        UserError: if the folder is a stranger's; nothing is written then.
        LockedError: if another process works in it; nothing is written then.
    """
    if fence.mine(folder):
        yield
        return
    refuse_strangers(folder, more)
    with locked(folder):
        yield


def is_ours(folder: Path) -> bool:
    """Whether a record or a lock says that this program has worked in the folder."""
    return {"status", "schema_version"} <= unchecked_record(folder).content.keys() or marked(folder)


def own_files(folder: Path) -> Iterator[Path]:
    """The files of a folder that a run has written; none where nothing says that it is a run's."""
    if is_ours(folder):
        for path in folder.iterdir():
            if is_own_name(path.name):
                yield from (path.iterdir() if path.is_dir() else (path,))


def is_own_name(name: str) -> bool:
    """Whether a run writes a file or folder of this name into its folder."""
    return name in (*CONTENT, HYDRA) or name.startswith(LOCK) or name.endswith(".log")


def refuse_strangers(folder: Path, more: Sequence[str] = ()) -> None:
    """Raise UserError if a run would write over what is not a run's, or hide runs that lie below it."""
    if is_ours(folder):
        return
    way = f"nothing was written; {what_helps(folder)} names another folder"
    if os.path.lexists(folder / SWEEP):
        raise UserError(f"{folder} is the folder of a sweep, whose runs a record in it would hide; {way}")
    if found := [name for name in (*CONTENT, *more) if os.path.lexists(folder / name)]:
        raise UserError(f"{folder} holds {', '.join(found)}, and no record says that a run has written that; {way}")
    for pattern in (f"*/{RESULT}", f"*/*/{RESULT}"):
        if (below := next(folder.glob(pattern), None)) is not None:
            raise UserError(f"{folder} has runs below it, as {below.parent}, which a record in it would hide; {way}")


def refuse_run(folder: Path) -> None:
    """Raise UserError if a sweep's folder is a run's own: what lies below a run's folder is not looked for."""
    if os.path.lexists(folder / RESULT):
        raise UserError(
            f"{folder} holds a run, which would hide the sweep's; nothing was written; {what_helps(folder)} names "
            "another folder"
        )


def refuse_places(folder: Path) -> None:
    """Raise UserError if a folder is one that no run is meant for: what an unset variable or a ``.`` leads to."""
    real = Path(os.path.realpath(folder))
    if is_ours(folder):
        return
    home = os.path.expanduser("~")  # noqa: PTH111  Path's own raises where there is none
    for name, place in (("the working directory", Path.cwd()), ("your home folder", home), ("the program", ROOT)):
        if (inner := Path(os.path.realpath(place))).is_relative_to(real):
            what = f"is {name}" if inner == real else f"holds {name}"
            raise UserError(
                f"{folder} {what}, which is no place for a run (is a variable of the command empty?); nothing was "
                f"written; {what_helps(folder)} names a folder of its own"
            )
