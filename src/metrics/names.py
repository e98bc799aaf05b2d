"""Which metrics there are, and which of them fit which labels. Imports nothing heavy: configs are checked with it."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from src.utils.errors import UserError

FOLDER = Path(__file__).parent
LOWER_IS_BETTER = frozenset({"mse", "mae"})


def metric_files(num_labels: int | None = None) -> dict[str, Path]:
    """Map metric names to module files: those for ``num_labels`` outputs (1 is regression), or all of them."""
    if num_labels is None:
        kinds = ["classification", "binary", "regression"]
    elif num_labels == 1:
        kinds = ["regression"]
    else:
        kinds = ["classification", "binary"] if num_labels == 2 else ["classification"]
    return {path.stem: path for kind in kinds for path in sorted((FOLDER / kind).glob("[!_]*.py"))}


def metric_names(num_labels: int | None = None) -> list[str]:
    """Return the names that `check_metrics` accepts."""
    return sorted(metric_files(num_labels))


def check_metrics(names: Sequence[str], num_labels: int | None = None) -> None:
    """Raise a UserError unless each name is a metric that fits ``num_labels`` outputs (None: any number)."""
    if not names:
        raise UserError(f"no metric is named; choose from {', '.join(metric_names(num_labels))}")
    for name in names:
        choices = metric_names(num_labels)
        if name in choices:
            continue
        if name in metric_names():
            labels = "regression" if num_labels == 1 else f"{num_labels} classes"
            raise UserError(f"metric {name!r} does not fit {labels}; choose from {', '.join(choices)}")
        near = get_close_matches(str(name), choices, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"unknown metric {name!r}: {hint}choose from {', '.join(choices)}")
