"""matplotlib, imported only where something is drawn."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from src.utils.errors import UserError
from src.utils.files import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pyplot() -> ModuleType:
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


def save(figure: "Figure", path: Path) -> None:
    """Write ``path`` with the endings .png and .pdf, and free the figure."""
    for ending in (".png", ".pdf"):
        with whole(path.with_suffix(ending)) as temporary:
            figure.savefig(temporary, dpi=150, format=ending.removeprefix("."))
    pyplot().close(figure)
