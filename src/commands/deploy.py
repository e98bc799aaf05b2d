"""``python -m src predict | merge | export``: their arguments. What needs torch is imported after they are checked."""

import argparse
from pathlib import Path

from src.deploy.output import keep_inputs, new_folder
from src.runs.finished import open_run
from src.utils.errors import UserError


def predict(arguments: list[str]) -> None:
    """What a trained classifier says about a text, a file, or GLUE's test sets.

    Raises:
        UserError: on arguments that do not fit each other, the run or the file.
    """
    parser = argparse.ArgumentParser(prog="python -m src predict", description="Use trained classifiers.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder; several for --glue-submission")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="classify one text; the answer is one line of JSON")
    what.add_argument("--file", type=Path, help="classify every row of a .tsv, .csv, .jsonl or .parquet file")
    what.add_argument("--glue-submission", type=Path, metavar="DIR", help="write GLUE's test-set files")
    parser.add_argument("--text2", help="the second text, if the task takes two")
    parser.add_argument("--out", type=Path, help="where --file's answers go, as TSV")
    parser.add_argument("--columns", nargs="+", help="text columns of --file; by default those of the run's task")
    parser.add_argument("--glue-data", type=Path, metavar="DIR", help="GLUE's TSV folders; by default the run's source")
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args(arguments)
    if args.batch_size < 1:
        raise UserError(f"--batch-size={args.batch_size} breaks the rule: int >= 1")
    if not args.glue_submission and len(args.runs) > 1:
        raise UserError("several runs are taken with --glue-submission alone; give one")
    if args.file is not None and args.out is None:
        raise UserError("--file needs --out FILE.tsv")
    for run in args.runs:
        open_run(run)
    if args.file is not None:
        keep_inputs("--out", args.out, [args.file], args.runs)
    if args.glue_submission:
        from src.deploy.glue_submission import write_submission

        write_submission(args.runs, args.glue_submission, args.glue_data, args.batch_size)
        return
    from src.deploy.predict import predict_file, predict_text

    if args.text is not None:
        predict_text(args.runs[0], args.text, args.text2)
    else:
        predict_file(args.runs[0], args.file, args.columns, args.out, args.batch_size)


def merge(arguments: list[str]) -> None:
    """A trained run as a plain transformers model.

    Raises:
        UserError: if the run cannot be merged, or the merged model's logits differ by more than the tolerance.
    """
    parser = argparse.ArgumentParser(prog="python -m src merge", description="Write a run as a plain model.")
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for model and tokenizer")
    parser.add_argument("--rows", type=int, default=256, help="evaluation rows that are compared (default 256)")
    parser.add_argument("--tolerance", type=float, help="share of the largest logit, instead of the stated ones")
    args = parser.parse_args(arguments)
    if args.rows < 1:
        raise UserError(f"--rows={args.rows} breaks the rule: int >= 1")
    if args.tolerance is not None and not args.tolerance >= 0:
        raise UserError(f"--tolerance={args.tolerance} breaks the rule: float >= 0")
    new_folder(args.out)
    open_run(args.run)
    from src.deploy.merge import merge_run

    merge_run(args.run, args.out, rows=args.rows, tolerance=args.tolerance)


def export(arguments: list[str]) -> None:
    """A trained run in the peft library's format, or one of its checkpoints as a run.

    Raises:
        UserError: if the run is no LoRA in any form, or the checkpoint has no counterpart here.
    """
    parser = argparse.ArgumentParser(prog="python -m src export", description="Exchange adapters with peft.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("run", nargs="?", type=Path, metavar="RUN", help="run folder to be written in peft's format")
    what.add_argument("--from-peft", type=Path, metavar="DIR", help="peft LoRA checkpoint to be made a run folder")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    parser.add_argument("--backbone", help="hub id or folder; by default the one that the checkpoint names")
    parser.add_argument("--label-names", nargs="+", help="classes of the checkpoint; by default LABEL_0, LABEL_1 ...")
    args = parser.parse_args(arguments)
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
