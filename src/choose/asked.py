"""What ``choose`` was asked, in its folder: the same command goes on there, and another one is another folder's."""

from collections.abc import Mapping
from pathlib import Path

from src.runs.record import write_json
from src.utils.errors import UserError
from src.utils.foreign import read_json

FILE = "asked.json"
LARGEST = 2**20  # bytes


def goes_on(folder: Path, asked: Mapping[str, object]) -> bool:
    """Whether the folder holds what the same command has begun.

    Args:
        folder: of the command.
        asked: its options, as JSON has them.

    Raises:
        UserError: if it holds what another command has begun.
    """
    if not (folder / FILE).exists():
        return False
    before = read_json(folder / FILE, LARGEST)
    if others := [
        f"{key} {before.get(key)!r}, now {value!r}" for key, value in asked.items() if before.get(key) != value
    ]:
        raise UserError(
            f"{folder} answers another question ({'; '.join(others)}): --out DIR names a folder for this one"
        )
    return True


def write_asked(folder: Path, asked: Mapping[str, object]) -> None:
    """Write it down, when what follows from it has been."""
    write_json(folder / FILE, dict(asked))
