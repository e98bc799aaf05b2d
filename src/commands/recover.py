"""``python -m src recover``: which method recovers which known update, at an equal budget."""

import argparse
from pathlib import Path

from src.deploy.output import keep_inputs
from src.utils.errors import UserError
from src.utils.paths import ROOT


def main(arguments: list[str]) -> None:
    """Recover known updates.

    Raises:
        UserError: on a layer that does not exist, or a budget too small for a method.
    """
    args = parser().parse_args(arguments)
    for name in ("rank", "steps"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name}={getattr(args, name)} breaks the rule: int >= 1")
    if args.out:
        keep_inputs("--out", args.out, [Path(args.backbone).expanduser(), ROOT / args.backbone])
    from src.analysis.recovery import print_table, table_of, write_table

    rows = table_of(args.backbone, args.layers, rank=args.rank, steps=args.steps, seed=args.seed)
    print_table(rows)
    if args.out:
        write_table(rows, args.out)


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(prog="python -m src recover", description="Recover known updates.")
    found.add_argument("--backbone", default="assets/nano", help="hub id or folder (default: the embedded one)")
    found.add_argument("--layers", nargs="+", default=["encoder.layer.3.attention.self.value"], help="Linears")
    found.add_argument("--rank", type=int, default=3, help="the budget is that of a LoRA of this rank (default 3)")
    found.add_argument("--steps", type=int, default=1200)
    found.add_argument("--seed", type=int, default=0)
    found.add_argument("--out", type=Path, help="write the numbers as JSON, too")
    return found
