"""Reading ``history.jsonl``: each line is checked before anything of it is used."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.runs.layout import RunFolder
from src.runs.schema import check_line
from src.utils.errors import UserError, in_short
from src.utils.files import open_regular
from src.utils.strict_json import read_json
from src.utils.text import printable, shown_path

log = logging.getLogger(__name__)

LARGEST = 256 * 2**20  # bytes of the file
LARGEST_LINE = 2**20
OWN = ("event", "step", "epoch", "split")  # the keys that are no value
TAIL = 4096  # bytes of the last lines


@dataclass(frozen=True)
class Line:
    """One line of a history.

    Attributes:
        event: what it tells of: ``train``, ``eval`` or ``diagnostics``.
        step: the number of updates done; None where a line that is not whole does not say.
        epoch: the passes over the training rows.
        split: what was evaluated.
        values: all else by its name: losses, metrics, diagnostics.
    """

    event: str
    step: int | None
    epoch: float | None
    split: str | None
    values: Mapping[str, str | float | None]

    def number(self, name: str) -> float | None:
        """A value that is a number."""
        value = self.values.get(name)
        return value if isinstance(value, int | float) else None


def _line(line: dict[str, Any]) -> Line:
    """A line in which every field keeps its rule."""
    values = {key: value for key, value in line.items() if key not in OWN}
    return Line(line.get("event") or "", line.get("step"), line.get("epoch"), line.get("split"), values)


def read_history(folder: Path, strict: bool = False) -> list[Line]:
    """The lines of a run's ``history.jsonl``; none if it has no such file (an imported run).

    Args:
        folder: the run's.
        strict: refuse a line that breaks the schema, instead of leaving it out with a warning. A last line without an
            end is left out in silence: a killed run leaves half of one.

    Raises:
        UserError: where ``strict`` says so.
    """
    path = RunFolder(folder).history
    found, problems = [], []
    try:
        for number, line in _lines(path):
            problem = line if isinstance(line, str) else check_line(line)
            if problem is None:
                found.append(_line(line))
            else:
                problems.append(f"line {number}: {problem}")
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(error.strerror or in_short(error))
    if problems and strict:
        raise UserError(f"{shown_path(path)} cannot be read: {problems[0]}")
    if problems:
        more = f" ({len(problems)} such lines)" if len(problems) > 1 else ""
        log.warning("%s: left out: %s%s", shown_path(path), problems[0], more)
    return found


def last_lines(folder: Path) -> list[Line]:
    """The last lines of a history that may be being written; one that is cut or wrong is left out."""
    try:
        with open_regular(RunFolder(folder).history, LARGEST) as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            texts = file.read().splitlines()
    except OSError:
        return []
    found = []
    for text in texts:
        try:
            line = read_json(text)
        except ValueError:
            continue
        if check_line(line, whole=False) is None:
            found.append(_line(line))
    return found


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The number of each line, and its value, or in its place what is wrong with it as a text."""
    with open_regular(path, LARGEST) as file:
        for number, text in enumerate(iter(lambda: file.readline(LARGEST_LINE), b""), start=1):
            if not text.strip():
                continue
            try:
                line = read_json(text)
            except ValueError as error:
                if text.endswith(b"\n") or len(text) == LARGEST_LINE:
                    yield number, f"{printable(text[:80].decode(errors='replace').strip())!r} is no JSON: {error}"
                continue
            yield number, "no JSON object" if isinstance(line, str) else line
