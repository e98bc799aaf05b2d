"""Training a run once more, in a folder of its own: the same command that a user would give, in its own process."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from src.runs.reading import Run, read_run
from src.runs.run_record import RunRecord
from src.utils.errors import UserError
from src.utils.keys import quoted
from src.utils.paths import ROOT

MOST_THREADS = 1024
Train = Callable[[Sequence[str], Path, int | None], None]


def train(overrides: Sequence[str], folder: Path, threads: int | None) -> None:
    """Call ``main.py`` with the overrides; its log goes to the folder.

    Args:
        overrides: as ``rebuild`` makes them.
        folder: of the new run.
        threads: of torch, as the record says the run had; more or fewer round otherwise.

    Raises:
        UserError: with its last line, if it did not end well.
    """
    command = [sys.executable, str(ROOT / "main.py"), *overrides, f"hydra.run.dir={quoted(str(folder))}"]
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    done = subprocess.run(
        [*command, "training.disable_tqdm=true"], env=environment, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ["no message"]
        errors = [line for line in lines if line.startswith("error:")] or lines[-1:]
        raise UserError(f"it ended with status {done.returncode}: {errors[0].removeprefix('error: ')}")


def rerun(run: Run, overrides: Sequence[str], folder: Path, do: Train = train) -> Run:
    """Train a run again, and read what came out.

    Raises:
        UserError: if it did not end well.
    """
    do(overrides, folder, threads_of(run.record))
    again = read_run(folder)
    if again.problem is not None and again.record.status != "ok":
        raise UserError(f"its rerun is not finished: {again.problem}")
    return again


def threads_of(record: RunRecord) -> int | None:
    """How many threads torch had in a run; None if the record does not say, or says what no machine has."""
    threads = record.hardware.get("torch_threads")
    return threads if type(threads) is int and 1 <= threads <= MOST_THREADS else None


def spread(names: Sequence[str], count: int) -> list[str]:
    """So many of the names, evenly over their list, so that several configurations are among them."""
    count = min(count, len(names))
    return [names[(2 * i + 1) * len(names) // (2 * count)] for i in range(count)]
