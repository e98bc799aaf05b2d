"""``python -m src compare PATH...``: the table of any set of run folders."""

import argparse
from pathlib import Path

from src.compare.records import find_runs
from src.compare.table import print_table
from src.errors import UserError


def main(arguments: list[str]) -> None:
    """Print the table of every run below the given folders.

    Raises:
        UserError: if a folder does not exist, or no run could be compared.
    """
    parser = argparse.ArgumentParser(prog="python -m src compare", description="Tabulate runs.")
    parser.add_argument("paths", nargs="+", type=Path, help="run folders, or folders above them")
    paths = parser.parse_args(arguments).paths
    for path in paths:
        if not path.is_dir():
            raise UserError(f"{path}: no such folder")
    runs = find_runs(paths)
    if not any(run.problem is None for run in runs):
        reasons = "".join(f"\n  {run.folder}: {run.problem}" for run in runs)
        raise UserError(f"no run to compare below {', '.join(map(str, paths))}{reasons}")
    print_table(runs)
