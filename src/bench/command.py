"""``python -m src bench``: what every method costs on this machine, as a table, JSON and plots."""

import argparse
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import src.cli  # noqa: F401  the resolvers that configs need
from src.bench.arms import TARGETS, Shape, method_names
from src.bench.packed import measure_packed
from src.bench.plot import plot
from src.bench.startup import measure_data, measure_startup
from src.bench.steps import Settings, measure_latency, measure_memory, measure_steps
from src.errors import UserError
from src.training.arguments import resolve_precision
from src.training.record import environment, write_json

DTYPES = {"fp32": None, "bf16": torch.bfloat16}
SIZES = ("lora.r", "lorafa.r", "lsr.num_terms", "hydralora.num_experts")
COLUMNS: dict[str, Callable[[Any], str]] = {
    "arm": str, "targets": str, "size": str, "tokens": "{:,}".format, "jobs": str, "ms": "{:,.1f}".format,
    "ratio": "x{:.3f}".format, "ratio_quartiles": lambda pair: "{:.3f} to {:.3f}".format(*pair),
    "speedup": "x{:.2f}".format, "over_processes": "x{:.2f}".format, "tokens_per_s": "{:,.0f}".format,
    "saved_mb": "{:,.1f} MB".format, "saved_ratio": "x{:.3f}".format, "peak_rss_mb": "{:,.0f} MB".format,
    "peak_device_mb": "{:,.0f} MB".format, "trained": "{:,}".format, "seconds": "{:.2f} s".format,
    "rows": "{:,}".format,
}  # fmt: skip


def main(arguments: list[str]) -> None:
    """Measure, print, write.

    Raises:
        UserError: on a value that cannot be measured here.
    """
    options = _parser().parse_args(arguments)
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
                write_json(options.json, result)
        console.print(table(part, rows))
    if options.plots:
        for path in plot(result["parts"], options.plots):
            console.print(str(path))


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
    return measure_steps(settings, plain_floor=settings.shape.shortcuts)


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
DEFAULT = ("steps", "latency")


def _settings(options: argparse.Namespace) -> list[Settings]:
    known, has_peft = method_names(), importlib.util.find_spec("peft") is not None
    methods = options.methods or [m for m in known if has_peft or not m.startswith("peft_")]
    if unknown := [method for method in methods if method.partition(":")[0] not in known]:
        raise UserError(f"--methods {unknown[0]}: there is no such method; choices: {', '.join(known)}")
    if options.width % options.heads:
        raise UserError(f"--width {options.width} is no multiple of --heads {options.heads}")
    device = "cuda" if options.device == "auto" and torch.cuda.is_available() else options.device.replace("auto", "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: there is no GPU here; choices: auto, cpu")
    dtype = DTYPES[resolve_precision(options.precision, device == "cpu")]
    if options.threads:
        torch.set_num_threads(options.threads)
    shape = Shape(
        options.layers, options.width, options.heads, options.batch, options.length, options.dropout, options.shortcuts
    )
    return [
        # What has no target_modules (BitFit, prefixes) is the same on all Linears and stands in the first table alone.
        Settings(shape, targets, methods, options.rounds, device, dtype)
        for targets in (TARGETS if options.targets == "both" else [options.targets])
    ]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _words(text: str) -> list[str]:
    return text.split(",")


def _parts(text: str) -> list[str]:
    parts = list(PARTS) if text == "everything" else text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]}: choices: everything, {', '.join(PARTS)}")
    return parts


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src bench",
        description="Ratios are to the floor: the frozen backbone's forward, and its backward to the first adapted "
        "layer. All arms run in turn in one process; the median of the paired ratios and their quartiles are shown.",
    )
    add = parser.add_argument
    add(
        "--parts", type=_parts, default=list(DEFAULT), help=f"everything, or of: {', '.join(PARTS)} (default {DEFAULT})"
    )
    add("--targets", choices=[*TARGETS, "both"], default="qv", help="query and value, or all Linears of the encoder")
    add(
        "--methods",
        type=_words,
        help="default: every method in conf/model; METHOD:OVERRIDE is one with an override of its configuration",
    )
    add("--packed-methods", type=_words, default=["lora"], help="methods of the part `packed`")
    add("--rounds", type=int, default=20, help="steps of each arm that are timed")
    add("--rounds-of-processes", type=int, default=3, help="starts of whole processes; the fastest counts")
    add("--layers", type=int, default=6), add("--width", type=int, default=384), add("--heads", type=int, default=12)
    add("--batch", type=int, default=32), add("--length", type=int, default=54, help="tokens of every row")
    add("--dropout", type=float, default=0.1, help="of the backbone")
    add(
        "--shortcuts",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="--no-shortcuts: every arm, peft's too, over a backbone that is computed as transformers does",
    )
    add("--lengths", type=_numbers, default=[16, 32, 64, 128], help="of the part `tokens`")
    add("--sizes", type=_numbers, default=[2, 4, 8, 16, 32], help=f"of the part `sizes`: values of {', '.join(SIZES)}")
    add("--jobs", type=_numbers, default=[1, 2, 4, 8, 16], help="of the part `packed`")
    add("--data", type=_words, default=["data=synth_paraphrase"], help="overrides of the part `data`")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add("--precision", choices=["auto", "fp32", "bf16"], default="auto", help="auto: bf16 where a GPU supports it")
    add("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 0)) or None)
    add("--json", type=Path, help="write the figures and the machine to this file")
    add("--plots", type=Path, help="draw tokens, sizes and packed jobs into this folder")
    return parser
