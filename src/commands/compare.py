"""``python -m src compare [PATH...]``: tabulate any set of run folders, and say which differences are real."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from src.compare.beside.section import Section
from src.compare.clusters import Clusters, read_clusters
from src.compare.comparison import compare_runs
from src.compare.grouping import Group
from src.compare.present.chosen_columns import ALL, CHOICES, PAPER
from src.compare.present.formats import FORMATS, write_tidy
from src.compare.present.terminal_table import print_comparison, print_published
from src.compare.tables import Comparison, Table
from src.compare.verified import verified
from src.deploy.output import keep_inputs
from src.runs.latest import latest_sweep
from src.runs.reading import find_runs
from src.runs.store import open_store
from src.utils import resume_hint
from src.utils.errors import UserError
from src.utils.terminal import say
from src.utils.text import shown_path

CALIBRATION = ("ece", "brier", "nll")


def main(arguments: list[str]) -> None:
    """Compare every run below the given folders.

    Raises:
        UserError: if a folder does not exist, an option makes no sense, or no run could be compared.
    """
    options = parser().parse_args(arguments)
    options.calibration = [name for name in options.columns if name in CALIBRATION]
    options.names = _names([name for name in options.columns if name not in CALIBRATION])
    options.command = resume_hint.shown_command("compare", arguments)
    for path in options.paths:
        if not path.is_dir():
            raise UserError(f"{path}: no such folder")
    if options.diff:
        _print_diff(options.paths)
        return
    if not options.paths:
        options.paths = [latest_sweep()]
        say(f"comparing the runs in {shown_path(options.paths[0])}", file=sys.stderr)
    store = None if options.no_cache else open_store()
    runs = find_runs(options.paths, store)
    runs = verified(runs, store)
    if not any(run.problem is None for run in runs):
        reasons = "".join(f"\n  {shown_path(run.folder)}: {run.problem}" for run in runs[:20])
        raise UserError(f"no run to compare below {', '.join(map(str, options.paths))}{reasons}")
    _keep_inputs(options, [run.folder for run in runs])
    clusters = read_clusters(options.clusters) if options.clusters else None
    beside = _beside(options, clusters)
    comparison = compare_runs(
        runs, options.baseline, options.metric, options.resamples, store, options.margin, clusters, beside
    )
    if options.format == "table":
        print_comparison(comparison, with_pscp=options.pscp, names=options.names)
        if options.published:
            print_published(comparison)
    else:
        names = options.names or [ALL]
        sys.stdout.write(FORMATS[options.format](comparison, options.pscp, names))
    if options.tidy:
        write_tidy(runs, options.tidy, store)
    _write(comparison, options)


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(
        prog="python -m src compare", description="Which method is best for what, and is the difference real?"
    )
    found.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="run folders, or folders above them "
                       "(default: the newest sweep)")  # fmt: skip
    found.add_argument("--diff", action="store_true", help="say in what two runs differ, or two sweeps job by job: "
                       "settings, versions, machine, scores, answers, logits")  # fmt: skip
    found.add_argument("--baseline", metavar="NAME", help="method or configuration that differences are taken to "
                       "(default: the one that trains everything, else the best on held-out rows)")  # fmt: skip
    found.add_argument("--metric", metavar="NAME", help="compare by this metric instead of each task's primary one")
    found.add_argument("--margin", type=_margin, metavar="D", help="difference, in the metric's unit, up to which two "
                       "rows count as equivalent; set it before you look")  # fmt: skip
    found.add_argument("--clusters", type=Path, metavar="FILE", help="columns index and cluster: which examples belong "
                       "together (sentences of one document) and are drawn as one")  # fmt: skip
    found.add_argument("--columns", type=_columns, default=[], metavar="NAMES", help="with commas: the columns "
                       f"({', '.join(CHOICES)}), or paper (those of a paper's table), or all; and calibration from the "
                       "logits, as a table of its own (ece, brier, nll)")  # fmt: skip
    found.add_argument("--by", metavar="COLUMN", help="differences on parts of the data: label, length, or a column of "
                       "the data or of --rows")  # fmt: skip
    found.add_argument("--rows", type=Path, metavar="FILE", help="a table of the evaluation split's examples: by "
                       "its column index, else row i is example i (.csv, .tsv, .jsonl, .parquet)")  # fmt: skip
    found.add_argument("--format", choices=["table", *FORMATS], default="table", help="what is printed")
    found.add_argument("--tidy", type=Path, metavar="FILE", help="write one row per run to a .csv or .parquet file")
    found.add_argument("--html", type=Path, metavar="FILE", help="write the report: one file that opens anywhere")
    found.add_argument("--figures", type=Path, metavar="DIR", help="write figures for papers, PDF and PNG")
    found.add_argument("--published", action="store_true", help="add what papers report for this backbone and task")
    found.add_argument("--pscp", action="store_true", help="add PEFT-Bench's efficiency-aware score")
    found.add_argument("--resamples", type=_positive, metavar="N", help="of examples and seeds, jointly for all rows "
                        "(default: 10,000; fewer for more than 20 configurations)")  # fmt: skip
    found.add_argument("--no-cache", action="store_true", help="read and compute everything anew")
    return found


def _print_diff(paths: list[Path]) -> None:
    from src.compare.diff import diff

    if len(paths) != 2:
        raise UserError(f"--diff takes two folders, not {len(paths)}: python -m src compare --diff A B")
    for line in diff(*paths):
        say(line)


def _beside(options: argparse.Namespace, clusters: Clusters | None) -> list[Callable[[Group, Table], Section | None]]:
    """What else was asked for."""
    if options.rows is not None and options.by is None:
        raise UserError(f"--rows {options.rows}: --by COLUMN says which of its columns")
    made: list[Callable[[Group, Table], Section | None]] = []
    if options.calibration:
        from src.compare.beside.calibration import Calibration

        made.append(Calibration(options.calibration, clusters))
    if options.by is not None:
        from src.compare.beside.data_parts import Column
        from src.compare.beside.slices import Slices

        made.append(Slices(Column(options.by, options.rows), clusters))
    return made


def _keep_inputs(options: argparse.Namespace, runs: list[Path]) -> None:
    """Refuse outputs that would take the place of a run's files, or of each other."""
    named = {f"--{name}": path for name in ("tidy", "html", "figures") if (path := getattr(options, name)) is not None}
    for option, path in named.items():
        keep_inputs(option, path, runs=runs)
    taken: dict[str, str] = {}
    for option, path in named.items():
        if (other := taken.setdefault(os.path.realpath(path), option)) != option:
            raise UserError(f"{other} and {option} name one file, {path}")


def _write(comparison: Comparison, options: argparse.Namespace) -> None:
    """The files that were asked for. What draws them is imported only here: it takes a second."""
    try:
        if options.html:
            from src.compare.report import write_report

            write_report(comparison, options.html, published=options.published, command=options.command)
            say(f"The report is in {options.html}", file=sys.stderr)
        if options.figures:
            from src.compare.present.figures import write_figures

            written = write_figures(comparison, options.figures)
            say(f"{len(written)} figures are in {options.figures}", file=sys.stderr)
    except OSError as error:
        raise UserError(f"{error.filename or options.html or options.figures}: {error.strerror or error}") from error


def _positive(text: str) -> int:
    value = int(text)
    if value < 100:
        raise argparse.ArgumentTypeError(f"{value}: at least 100 resamples are needed")
    return value


def _columns(text: str) -> list[str]:
    names = text.split(",")
    known = (*CHOICES, "paper", ALL, *CALIBRATION)
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]}: choices: {', '.join(known)}")
    return list(dict.fromkeys(names))


def _names(asked: Sequence[str]) -> list[str]:
    """The columns that are asked for; the configuration's name is always one."""
    if not asked or ALL in asked:
        return list(asked)
    names = [other for name in asked for other in (PAPER if name == "paper" else (name,))]
    return list(dict.fromkeys(["method", *names]))


def _margin(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{value:g}: a margin is a number above 0")
    return value
