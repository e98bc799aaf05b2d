"""Looking for run folders below any folders: what fails is told, and hides nothing else."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from src.runs.layout import ADAPTER, HYDRA
from src.utils.errors import in_short

# Folders of a run that hold none: what lies there came with an adapter or a config.
OWN = (ADAPTER, HYDRA)


@dataclass(frozen=True)
class Found:
    """A folder that holds a record, or with its ``problem`` an entry that could not be looked into."""

    folder: Path
    problem: str | None = None


def find_folders(roots: Iterable[Path], record: str) -> Iterator[Found]:
    """Every folder below the roots that holds an entry of that name, each once, by whatever links it is reached.

    Also below a folder that holds one: a stray file must not hide the runs beneath it. An entry that fails (no
    permission, a link to itself, a name that is no UTF-8) is one of those found, with its problem.
    """
    seen: set[tuple[int, int]] = set()
    for root in roots:
        try:
            waiting = [Path(root).resolve()]
        except (OSError, RuntimeError) as error:  # a loop of links
            yield Found(Path(root).absolute(), _reason(error))
            continue
        while waiting:
            folder = waiting.pop()
            try:
                status = folder.stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as entries:
                    names = list(entries)
            except OSError as error:
                yield Found(folder, _reason(error))
                continue
            is_run = any(entry.name == record for entry in names)
            if is_run:
                yield Found(folder, _unspeakable(folder))
            for entry in names:
                if is_run and entry.name in (record, *OWN):
                    continue
                try:
                    if entry.is_dir():
                        waiting.append(folder / entry.name)
                except OSError as error:
                    yield Found(folder / entry.name, _reason(error))


def _unspeakable(folder: Path) -> str | None:
    """Why a folder cannot be named in a table or a file."""
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        return "its name is no UTF-8 text: rename it"
    return None


def _reason(error: Exception) -> str:
    return f"cannot be looked into: {getattr(error, 'strerror', None) or in_short(error)}"
