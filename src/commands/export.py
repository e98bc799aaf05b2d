"""``python -m src export RUN``: write a trained run in the peft library's format, or read one of its."""

import argparse
from pathlib import Path

from src.deploy.output import new_folder
from src.runs.finished import open_run
from src.utils.errors import UserError


def main(arguments: list[str]) -> None:
    """A trained run in the peft library's format, or one of its checkpoints as a run.

    Raises:
        UserError: if the run is no LoRA in any form, or the checkpoint has no counterpart here.
    """
    args = parser().parse_args(arguments)
    if not args.from_peft and (args.backbone or args.label_names):
        raise UserError("--backbone and --label-names go with --from-peft")
    new_folder(args.out)
    if args.from_peft is None:
        open_run(args.run)
    elif not args.from_peft.is_dir():
        raise UserError(f"--from-peft={args.from_peft}: there is no such folder")
    from src.deploy.export import export_run, import_peft

    if args.from_peft:
        import_peft(args.from_peft, args.out, args.backbone, args.label_names)
    else:
        export_run(args.run, args.out)


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(prog="python -m src export", description="Exchange adapters with peft.")
    what = found.add_mutually_exclusive_group(required=True)
    what.add_argument("run", nargs="?", type=Path, metavar="RUN", help="run folder to be written in peft's format")
    what.add_argument("--from-peft", type=Path, metavar="DIR", help="peft LoRA checkpoint to be made a run folder")
    found.add_argument("--out", type=Path, required=True, help="new folder")
    found.add_argument("--backbone", help="hub id or folder; by default the one that the checkpoint names")
    found.add_argument("--label-names", nargs="+", help="classes of the checkpoint; by default LABEL_0, LABEL_1 ...")
    return found
