"""``python -m src predict RUN``: what a trained classifier says about a text, a file, or GLUE's test sets."""

import argparse
import json
from pathlib import Path

from src.data.files import read_table
from src.deploy.glue import write_submission
from src.deploy.runs import Prediction, TrainedRun, load_run
from src.errors import UserError


def main(arguments: list[str]) -> None:
    """Run the command.

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
    if args.glue_submission:
        write_submission(args.runs, args.glue_submission, args.glue_data, args.batch_size)
        return
    if len(args.runs) > 1:
        raise UserError("several runs are taken with --glue-submission alone; give one")
    if args.text is not None:
        answer = load_run(args.runs[0]).predict([args.text], None if args.text2 is None else [args.text2])[0]
        print(json.dumps({"label": answer.label} | ({"scores": answer.scores} if answer.scores else {})))
        return
    if args.out is None:
        raise UserError("--file needs --out FILE.tsv")
    texts, pairs = _read(run := load_run(args.runs[0]), args.file, args.columns)
    _write(args.out, run, run.predict(texts, pairs, batch_size=args.batch_size, progress=True))
    print(f"{len(texts)} rows in {args.out}")


def _read(run: TrainedRun, path: Path, columns: list[str] | None) -> tuple[list[str], list[str] | None]:
    names = columns or run.text
    if names is None:
        raise UserError(f"{run.folder} does not say how its text columns are named; give --columns")
    if len(names) > 2:
        raise UserError(f"--columns takes one or two names, not {len(names)}")
    table = read_table(path)
    if missing := [name for name in names if name not in table.values]:
        raise UserError(
            f"{path} has no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, table.values))}. "
            "--columns names others"
        )
    for name in names:
        for row, value in enumerate(table.values[name]):
            if not isinstance(value, str):
                raise UserError(f"{table.place(row)}: {value!r} in column {name!r} is not text")
    first, *second = (table.values[name] for name in names)
    return first, second[0] if second else None


def _write(path: Path, run: TrainedRun, answers: list[Prediction]) -> None:
    """Columns ``index``, ``prediction`` and, of a classification, each class's probability."""
    lines = ["\t".join(["index", "prediction", *run.label_names])]
    for index, answer in enumerate(answers):
        label = answer.label if isinstance(answer.label, str) else f"{answer.label:.6g}"
        lines.append("\t".join([str(index), label, *(f"{score:.6f}" for score in answer.scores.values())]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
