"""Packages that only some choices of the config need."""

import importlib.util

from src.utils.errors import UserError
from src.utils.paths import ROOT


def require_package(name: str) -> None:
    """Refuse a choice whose package is not installed; nothing is imported.

    Raises:
        UserError: with the line that installs it.
    """
    if importlib.util.find_spec(name) is not None:
        return
    extra = f"requirements-{name}.txt"
    install = f"-r {extra}" if (ROOT / extra).is_file() else name
    raise UserError(f"the package {name} is not installed: pip install {install}")
