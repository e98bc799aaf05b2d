"""``python -m src audit TABLE``: what does a published table support?"""

import argparse
import sys
from pathlib import Path

from src.compare.audit.entries import read_csv
from src.compare.audit.peft_results import read_results
from src.compare.audit.show import FORMATS, audit, print_audits
from src.utils.errors import UserError
from src.utils.terminal import say


def main(arguments: list[str]) -> None:
    """Read a table, and say which rows are tied with its best and what difference it could have shown.

    Raises:
        UserError: if there is no such file or folder, or it holds no table.
    """
    options = parser().parse_args(arguments)
    path: Path = options.table
    if path.is_dir():
        table, left_out = read_results(path, options.examples)
        tables, notes = [table], [f"left out: {line}" for line in left_out]
    elif path.is_file():
        tables, unread = read_csv(path, options.examples)
        notes = [f"columns that are not read: {', '.join(unread)}"] if unread else []
    else:
        raise UserError(f"{path}: no such file or folder")
    for note in notes:
        say(note, file=sys.stderr)
    try:
        audits = [audit(table, options.correlation, options.baseline) for table in tables]
    except KeyError as error:
        names = sorted({row.method for table in tables for row in table.entries})
        raise UserError(f"--baseline {error.args[0]}: a table has no such row; choices: {', '.join(names)}") from error
    if options.format == "table":
        print_audits(audits)
    else:
        say(FORMATS[options.format](audits).rstrip("\n"))


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(prog="python -m src audit", description="What does a published table support?")
    found.add_argument("table", type=Path, metavar="TABLE", help="a .csv (.tsv, .jsonl, .parquet) with the columns "
                        "method, score, seed (a row is a run) or n and sd (a row is a mean over runs), examples, and "
                        "if need be task and metric; or a folder of the peft library's result JSONs")  # fmt: skip
    found.add_argument(
        "--examples", type=_examples, metavar="N", help="that every run was judged on, where no column says it"
    )
    found.add_argument("--baseline", metavar="METHOD", help="the row that differences are taken to, by Holm")
    found.add_argument("--correlation", type=_correlation, default=0.0, metavar="R", help="of two rows' answers over "
                        "the examples, from 0 (default: what the table supports by itself) to below 1")  # fmt: skip
    found.add_argument("--format", choices=["table", *FORMATS], default="table", help="what is printed")
    return found


def _examples(text: str) -> int:
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError(f"{value}: two examples at least")
    return value


def _correlation(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{value:g}: from 0 to below 1")
    return value
