"""matplotlib, imported only where something is drawn."""

from pathlib import Path
from typing import Any

from src.errors import UserError


def pyplot() -> Any:
    """matplotlib's pyplot without a display.

    Raises:
        UserError: if it is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UserError("figures need matplotlib: pip install matplotlib") from error
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt


def save(figure: Any, path: Path) -> None:
    """Write ``path`` with the endings .png and .pdf, and free the figure."""
    for ending in (".png", ".pdf"):
        figure.savefig(path.with_suffix(ending), dpi=150)
    pyplot().close(figure)
