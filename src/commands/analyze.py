"""``python -m src analyze RUN...``: look inside trained adapters: figures and numbers."""

import argparse
from pathlib import Path

from src.deploy.output import new_folder
from src.utils.errors import UserError
from src.utils.foreign import read_text

LARGEST = 2**26  # bytes of a text


def main(arguments: list[str]) -> None:
    """Look inside trained adapters.

    Raises:
        UserError: if a folder does not exist or holds no finished run, or --out is not empty.
    """
    args = parser().parse_args(arguments)
    new_folder(args.out)
    for path in args.runs:
        if not path.is_dir():
            raise UserError(f"{path}: no such folder")
    given = read_text(args.text, LARGEST).splitlines() if args.text else None
    from src.analysis.analyse import analyse_runs
    from src.analysis.forgetting import default_texts

    texts = (
        [line for line in given if line.strip()] if given is not None else default_texts() if args.forgetting else []
    )
    analyse_runs(args.runs, args.out, args.loss, args.score, texts)


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(
        prog="python -m src analyze",
        description="Look inside trained adapters: singular values and effective rank, movement since the init, "
        "subspaces shared by runs, HydraLoRA's components with controls, routers, SVD init against random.",
    )
    found.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders, or folders above them")
    found.add_argument("--out", type=Path, required=True, metavar="DIR", help="for figures and analysis.json; new")
    found.add_argument("--forgetting", action="store_true", help="masked-LM loss of the backbone before and after")
    found.add_argument("--text", type=Path, metavar="FILE", help="its text, a passage a line (default: synthetic ones)")
    found.add_argument("--loss", type=float, help="training loss that an init has to reach (default: what all reach)")
    found.add_argument("--score", type=float, help="score that an init has to reach (default: what all reach)")
    return found
