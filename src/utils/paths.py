"""Where the project's own files are, and what a place is called from another one."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"


def named_from(folder: Path, place: Path) -> str:
    """What ``place`` is called in a file of ``folder``: its way from there if it lies beneath, else as it is written.

    So what is passed on names no folder of the machine that it was made on.
    """
    real, inner = Path(os.path.realpath(folder)), Path(os.path.realpath(place))
    return inner.relative_to(real).as_posix() if inner.is_relative_to(real) else str(place)
