"""What every method costs on this machine, as a table, JSON and plots."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import src.config.resolvers  # noqa: F401  the resolvers that configs need
from src.bench.cost_figures import plot
from src.bench.measurable import SIZES, TARGETS, method_names
from src.bench.packed_speed import measure_packed
from src.bench.startup import measure_data, measure_startup
from src.bench.steps import Settings, measure_latency, measure_memory, measure_steps
from src.bench.timed_models import Shape
from src.runs.environment import environment
from src.runs.record import jsonable
from src.training.arguments import resolve_precision
from src.utils.errors import UserError
from src.utils.files import write_whole
from src.utils.terminal import say

DTYPES = {"fp32": None, "bf16": torch.bfloat16}
COLUMNS: dict[str, Callable[[Any], str]] = {
    "arm": str, "targets": str, "size": str, "tokens": "{:,}".format, "jobs": str, "ms": "{:,.1f}".format,
    "ratio": "x{:.3f}".format, "ratio_quartiles": lambda pair: "{:.3f} to {:.3f}".format(*pair),
    "speedup": "x{:.2f}".format, "over_processes": "x{:.2f}".format, "tokens_per_s": "{:,.0f}".format,
    "saved_mb": "{:,.1f} MB".format, "saved_ratio": "x{:.3f}".format, "peak_rss_mb": "{:,.0f} MB".format,
    "peak_device_mb": "{:,.0f} MB".format, "trained": "{:,}".format, "seconds": "{:.2f} s".format,
    "rows": "{:,}".format,
}  # fmt: skip


def measure(options: argparse.Namespace, arguments: list[str]) -> None:
    """Measure, print, write.

    Args:
        options: the parsed arguments.
        arguments: as they were given, for the record.

    Raises:
        UserError: on a value that cannot be measured here.
    """
    settings = _settings(options)
    console = Console()
    result: dict[str, Any] = {"date": datetime.now(UTC).isoformat(timespec="seconds"), **environment(),
                                  "threads": torch.get_num_threads(), "command": arguments,
                                  "shape": asdict(settings[0].shape), "parts": {}}  # fmt: skip
    for part in options.parts:
        rows: list[dict[str, Any]] = []
        result["parts"][part] = rows
        for own in settings if part in PER_TARGET else settings[:1]:
            rows += PARTS[part](own, options)
            if options.json:  # a long benchmark that is cut short keeps what it has
                write_whole(options.json, json.dumps(jsonable(result), indent=2) + "\n")
        console.print(table(part, rows))
    if options.plots:
        for path in plot(result["parts"], options.plots):
            say(path)


def table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """The rows under those columns that any of them has."""
    drawn = Table(title=title, title_justify="left", box=None, header_style="bold")
    present = [name for name in COLUMNS if any(row.get(name) is not None for row in rows)]
    for name in present:
        drawn.add_column(name.replace("_", " "), justify="left" if name in ("arm", "targets") else "right")
    for row in rows:
        drawn.add_row(*("" if row.get(name) is None else COLUMNS[name](row[name]) for name in present))
    return drawn


def _steps(settings: Settings) -> list[dict[str, Any]]:
    return measure_steps(settings, plain_floor=settings.shape.fast_paths)


def _tokens(settings: Settings, options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for length in options.lengths:
        own = replace(settings, shape=replace(settings.shape, length=length))
        rows += [{"tokens": own.shape.tokens, **row} for row in _steps(own)]
    return rows


def _sizes(settings: Settings, options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for key in SIZES:
        method = key.partition(".")[0]
        for value in options.sizes if method in settings.methods else []:
            own = replace(settings, methods=[method], overrides=[f"model.{key}={value}"])
            rows += [{"size": value, "key": key, **row} for row in measure_steps(own) if row["arm"] == method]
    return rows


PARTS: dict[str, Callable[[Settings, argparse.Namespace], list[dict[str, Any]]]] = {
    "steps": lambda settings, options: _steps(settings),
    "latency": lambda settings, options: measure_latency(settings),
    "memory": lambda settings, options: measure_memory(settings),
    "tokens": _tokens,
    "sizes": _sizes,
    "packed": lambda settings, options: measure_packed(
        replace(settings, methods=[m for m in settings.methods if m in options.packed_methods]), options.jobs
    ),
    "startup": lambda settings, options: measure_startup(options.rounds_of_processes),
    "data": lambda settings, options: measure_data(options.data, options.rounds_of_processes),
}
PER_TARGET = ("steps", "latency", "memory", "packed")


def _settings(options: argparse.Namespace) -> list[Settings]:
    methods = options.methods or method_names(installed=True)
    device = "cuda" if options.device == "auto" and torch.cuda.is_available() else options.device.replace("auto", "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: there is no GPU here; choices: auto, cpu")
    dtype = DTYPES[resolve_precision(options.precision, device == "cpu")]
    if options.threads:
        torch.set_num_threads(options.threads)
    shape = Shape(
        options.layers, options.width, options.heads, options.batch, options.length, options.dropout, options.fast_paths
    )
    return [
        # What has no target_modules (BitFit, prefixes) is the same on all Linears and stands in the first table alone.
        Settings(shape, targets, methods, options.rounds, device, dtype)
        for targets in (TARGETS if options.targets == "both" else [options.targets])
    ]
