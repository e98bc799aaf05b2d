"""``python -m src bench``: what every method costs on this machine in time and memory."""

import argparse
import os
from pathlib import Path

from src.bench.measurable import DEFAULT, PARTS, SIZES, TARGETS, method_names
from src.deploy.output import keep_inputs
from src.utils.errors import UserError


def main(arguments: list[str]) -> None:
    """Measure what every method costs on this machine.

    Raises:
        UserError: on a value that cannot be measured here.
    """
    options = parser().parse_args(arguments)
    known = method_names()
    if unknown := [method for method in options.methods or [] if method.partition(":")[0] not in known]:
        raise UserError(f"--methods {unknown[0]}: there is no such method; choices: {', '.join(known)}")
    if options.width % options.heads:
        raise UserError(f"--width {options.width} is no multiple of --heads {options.heads}")
    for option, path in (("--json", options.json), ("--plots", options.plots)):
        if path is not None:
            keep_inputs(option, path)
    from src.bench.measure import measure

    measure(options, arguments)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _words(text: str) -> list[str]:
    return text.split(",")


def _parts(text: str) -> list[str]:
    parts = list(PARTS) if text == "everything" else text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]}: choices: everything, {', '.join(PARTS)}")
    return parts


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(
        prog="python -m src bench",
        description="Ratios are to the floor: the frozen backbone's forward, and its backward to the first adapted "
        "layer. All arms run in turn in one process; the median of the paired ratios and their quartiles are shown.",
    )
    add = found.add_argument
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
        "--fast-paths",
        "--shortcuts",
        dest="fast_paths",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="--no-fast-paths: every arm, peft's too, over a backbone that is computed as transformers does",
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
    return found
