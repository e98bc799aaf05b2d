"""``python -m src list WHAT``: methods, tasks, kinds of task, metrics, backbones or commands, a line each."""

import argparse
import sys
from collections.abc import Callable, Mapping

from src.commands.table import commands
from src.config.choices import first_sentence, lines, sentences
from src.metrics.names import all_metrics
from src.tasks import KINDS
from src.utils.terminal import say


def main(arguments: list[str]) -> None:
    """Print what there is of one sort, or of all."""
    what = parser().parse_args(arguments).what
    for name in [what] if what else SORTS:
        found = SORTS[name]()
        if not what:
            say(f"{name}:")
        for line in lines(found, WIDTH):
            say(line)


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(
        prog="python -m src list", description="What there is: methods (model=...), tasks (data=...), kinds of task, "
        "metrics (data.metrics=[...]), backbones (backbone=...), and the commands of python -m src.")  # fmt: skip
    found.add_argument("what", nargs="?", choices=list(SORTS), metavar="WHAT", help=f"{' | '.join(SORTS)}; else all")
    return found


def _metrics() -> dict[str, str]:
    said = {}
    for name, metric in all_metrics().items():
        text = first_sentence((sys.modules[metric.compute.__module__].__doc__ or "").partition("\n")[0])
        said[name] = f"{text}; from {metric.reads.value}" + ("" if metric.greater_is_better else "; lower is better")
    return said


def _kinds() -> dict[str, str]:
    lines = {name: (kind.__doc__ or "").partition("\n")[0] for name, kind in KINDS.items()}
    return {
        name: f"{first_sentence(line)}; {KINDS[name].unit}s are what statistics resample"
        for name, line in lines.items()
    }


WIDTH = 200  # columns of a line
SORTS: dict[str, Callable[[], Mapping[str, str]]] = {
    "methods": lambda: sentences("model"),
    "tasks": lambda: sentences("data"),
    "kinds": _kinds,
    "metrics": _metrics,
    "backbones": lambda: sentences("backbone"),
    "commands": commands,
}
