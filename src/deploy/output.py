"""Where a command writes."""

from pathlib import Path

from src.utils.errors import UserError


def new_folder(folder: Path) -> None:
    """Check that a folder can be written to without mixing with what is there.

    Raises:
        UserError: if it is a file, or a folder that holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out={folder} exists already: name a new or an empty folder")
