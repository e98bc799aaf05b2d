"""``python -m src merge RUN``: write a trained run as a plain transformers model."""

import argparse
from pathlib import Path

from src.deploy.output import new_folder
from src.runs.finished import open_run
from src.utils.errors import UserError


def main(arguments: list[str]) -> None:
    """A trained run as a plain transformers model.

    Raises:
        UserError: if the run cannot be merged, or the merged model's logits differ by more than the tolerance.
    """
    args = parser().parse_args(arguments)
    if args.rows < 1:
        raise UserError(f"--rows={args.rows} breaks the rule: int >= 1")
    if args.tolerance is not None and not args.tolerance >= 0:
        raise UserError(f"--tolerance={args.tolerance} breaks the rule: float >= 0")
    new_folder(args.out)
    open_run(args.run)
    from src.deploy.merge import merge_run

    merge_run(args.run, args.out, rows=args.rows, tolerance=args.tolerance)


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(prog="python -m src merge", description="Write a run as a plain model.")
    found.add_argument("run", type=Path, metavar="RUN", help="run folder")
    found.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for model and tokenizer")
    found.add_argument("--rows", type=int, default=256, help="evaluation rows that are compared (default 256)")
    found.add_argument("--tolerance", type=float, help="share of the largest logit, instead of the stated ones")
    return found
