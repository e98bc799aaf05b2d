"""``python -m src predict RUN...``: use a trained run: on a text, a file, or GLUE's test sets."""

import argparse
import sys
from pathlib import Path

from src.deploy.output import keep_inputs
from src.runs.best_run import best_run, is_above_runs
from src.runs.finished import open_run
from src.utils.errors import UserError
from src.utils.terminal import say


def main(arguments: list[str]) -> None:
    """What a trained classifier says about a text, a file, or GLUE's test sets.

    Raises:
        UserError: on arguments that do not fit each other, the run or the file.
    """
    args = parser().parse_args(arguments)
    if args.batch_size < 1:
        raise UserError(f"--batch-size={args.batch_size} breaks the rule: int >= 1")
    if not args.glue_submission and len(args.runs) > 1:
        raise UserError("several runs are taken with --glue-submission alone; give one")
    if args.file is not None and args.out is None:
        raise UserError("--file needs --out FILE.tsv")
    args.runs = [_run(run) for run in args.runs]
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


def _run(folder: Path) -> Path:
    """The run that is meant: of a study the recommended one, of a folder above runs the best of them; which is said."""
    if not is_above_runs(folder := folder.expanduser()):
        return folder
    if (folder / "plan.json").is_file():
        from src.study.recommended_run import recommended_run

        recommended = recommended_run(folder)
        say(recommended.words, file=sys.stderr)
        return recommended.folder
    best = best_run(folder)
    say(best.words, file=sys.stderr)
    return best.folder


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(prog="python -m src predict", description="Use trained classifiers.")
    found.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder; a study, of whose recommended "
                       "method the best run by held-out score is taken, or a folder above runs, of which the best is; "
                       "several for --glue-submission")  # fmt: skip
    what = found.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="classify one text; the answer is one line of JSON")
    what.add_argument("--file", type=Path, help="classify every row of a .tsv, .csv, .jsonl or .parquet file")
    what.add_argument("--glue-submission", type=Path, metavar="DIR", help="write GLUE's test-set files")
    found.add_argument("--text2", help="the second text, if the task takes two")
    found.add_argument("--out", type=Path, help="where --file's rows go with their answers, as TSV")
    found.add_argument("--columns", nargs="+", help="text columns of --file; by default those of the run's task")
    found.add_argument("--glue-data", type=Path, metavar="DIR", help="GLUE's TSV folders; by default the run's source")
    found.add_argument("--batch-size", type=int, default=64)
    return found
