"""``python -m src analyze | planted``: their arguments. What needs torch is imported after they are checked."""

import argparse
from pathlib import Path

from src.deploy.output import keep_inputs, new_folder
from src.utils.errors import UserError
from src.utils.paths import ROOT


def main(arguments: list[str]) -> None:
    """Look inside trained adapters.

    Raises:
        UserError: if a folder does not exist or holds no finished run, or --out is not empty.
    """
    parser = argparse.ArgumentParser(
        prog="python -m src analyze",
        description="Look inside trained adapters: singular values and effective rank, movement since the start, "
        "subspaces shared by runs, HydraLoRA's components with controls, routers, SVD starts against random.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders, or folders above them")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for figures and analysis.json; new")
    parser.add_argument("--loss", type=float, help="training loss that a start has to reach (default: what all reach)")
    parser.add_argument("--score", type=float, help="score that a start has to reach (default: what all reach)")
    args = parser.parse_args(arguments)
    new_folder(args.out)
    for path in args.runs:
        if not path.is_dir():
            raise UserError(f"{path}: no such folder")
    from src.analysis.analyse import analyse_runs

    analyse_runs(args.runs, args.out, args.loss, args.score)


def planted(arguments: list[str]) -> None:
    """Recover known updates.

    Raises:
        UserError: on a layer that does not exist, or a budget too small for a method.
    """
    parser = argparse.ArgumentParser(prog="python -m src planted", description="Recover known updates.")
    parser.add_argument("--backbone", default="assets/nano", help="hub id or folder (default: the embedded one)")
    parser.add_argument("--layers", nargs="+", default=["encoder.layer.3.attention.self.value"], help="Linears")
    parser.add_argument("--rank", type=int, default=3, help="the budget is that of a LoRA of this rank (default 3)")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the numbers as JSON, too")
    args = parser.parse_args(arguments)
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
