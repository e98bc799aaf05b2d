"""``python -m src choose FILE``: from a table of texts to a method, a verdict in words, and a model to use."""

import argparse
import shlex
from pathlib import Path

from src.utils.errors import UserError
from src.utils.terminal import say


def main(arguments: list[str]) -> None:
    """Guess, race, confirm, and leave the best run with the line that predicts.

    Raises:
        UserError: if the file cannot be used, or no method keeps what is asked.
    """
    options = _parser().parse_args(arguments)
    if options.minutes <= 0:
        raise UserError(f"--minutes {options.minutes:g}: more than 0 are needed")
    from src.choose.asked import goes_on, write_asked
    from src.choose.field import Wishes
    from src.choose.prepare import prepare

    file = options.file.expanduser()
    out = (options.out or Path("outputs") / f"choose_{file.stem}").expanduser()
    wishes = Wishes(options.mergeable, options.adapter_mb, options.latency)
    study = out / "question.yaml"
    asked = {key: value for key, value in vars(options).items() if key != "out"} | {"file": str(file.absolute())}
    if not goes_on(out, asked):
        study = prepare(file, options.text or [], options.label, options.backbone, options.minutes, wishes, out)
        write_asked(out, asked)
    from src.choose.keep_best import keep_best
    from src.commands.study import main as run_study
    from src.utils.keys import override
    from src.utils.resume_hint import python

    run_study([str(study), override("sweep.dir", str(out))], python("-m", "src", "choose", *arguments))
    run, model = keep_best(out)
    text = '"..."'
    say(f"\nThe best run is in {run}. To use it:\n  python -m src predict {shlex.quote(str(run))} --text {text}")
    if model is not None:
        say(f"As a plain transformers model: {model}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src choose", description="Which method should be used on a table of texts, and a model to use."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=".csv, .tsv, .jsonl or .parquet; a table has a header")
    parser.add_argument("--text", nargs="+", metavar="COLUMN", help="one column, or two of a pair (default: guessed)")
    parser.add_argument("--label", metavar="COLUMN", help="the column to predict (default: guessed)")
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N", help="about how long it may take (30)")
    parser.add_argument("--backbone", metavar="NAME", help="of conf/backbone (default: one that needs no network)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where everything goes (default: outputs/choose_FILE)")
    parser.add_argument("--mergeable", action="store_true", help="the adapter must fold into the backbone")
    parser.add_argument("--adapter-mb", type=float, metavar="X", help="the most that the adapter may take")
    parser.add_argument("--latency", action="store_true", help="predicting must cost no more than the backbone alone")
    return parser
