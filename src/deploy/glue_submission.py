"""The files that GLUE's server takes, from runs of its tasks.

Nothing here names a task: where a task's YAML describes GLUE's TSV folder, that folder's name is the file's name, and
the encoding of the classes there is the server's.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from src.data.load import load_data
from src.data.normalise import lines_of, normalise
from src.data.sources.hub import load_hub
from src.data.sources.tsv import parse_tsv
from src.data.task import is_test
from src.deploy.output import keep_inputs
from src.deploy.trained_run import TrainedRun, load_run
from src.runs.finished import open_run
from src.utils.errors import UserError
from src.utils.files import write_whole
from src.utils.foreign import opened
from src.utils.places import make_folder
from src.utils.plain import plain
from src.utils.terminal import say
from src.utils.text import line

OFFICIAL = ("CoLA", "SST-2", "MRPC", "STS-B", "MNLI-m", "MNLI-mm", "QNLI", "QQP", "RTE", "WNLI", "AX")
SUFFIXES = {"test": "", "test_matched": "-m", "test_mismatched": "-mm"}
FOLDERS = frozenset(name.removesuffix("-mm").removesuffix("-m") for name in OFFICIAL)
LOWEST, HIGHEST = 0.0, 5.0  # the scale of the one task that asks for numbers
# The diagnostic set has no training data: what MNLI has taught answers it, too.
DIAGNOSTIC = "AX"
DIAGNOSTIC_OF = "MNLI"
DIAGNOSTIC_FILES = ("AX/AX.tsv", "AX.tsv", "AX/test.tsv", "diagnostic/diagnostic.tsv")


def write_submission(
    runs: Sequence[Path], out: Path, glue_data: Path | None = None, batch_size: int = 64
) -> dict[str, int]:
    """Write ``CoLA.tsv``, ``MNLI-m.tsv`` ... for the tasks of the runs, and say which files are still missing.

    Args:
        runs: run folders, one a task.
        out: the folder that the files go to.
        glue_data: GLUE's TSV folders; by default each run's own source.
        batch_size: rows at a time.

    Returns:
        The rows of every file written.

    Raises:
        UserError: on a run of another task, two runs of one task, or test files that cannot be found.
    """
    by_task: dict[str, Path] = {}
    for path in runs:
        data = str(open_run(path)[1].data)
        if data in by_task:
            raise UserError(f"two runs of {data}: {by_task[data]} and {path}; a submission takes one")
        by_task[data] = path
    written: dict[str, int] = {}
    for path in by_task.values():
        run = load_run(path)
        cfg = _data_config(run, glue_data)
        for name, rows in _opened_sets(run, cfg):
            say(f"{name}.tsv: {len(rows)} rows from {run.folder}")
            keep_inputs("--glue-submission", out / f"{name}.tsv", _glue_files(cfg), runs)
            make_folder(out)
            write_whole(out / f"{name}.tsv", _answers(run, cfg, rows, batch_size))
            written[name] = len(rows)
    if missing := [name for name in OFFICIAL if not (out / f"{name}.tsv").is_file()]:
        say(f"The server wants these files as well: {', '.join(f'{name}.tsv' for name in missing)}")
    return written


def _glue_files(cfg: Any) -> list[Path]:
    """The diagnostic set has a name that an answer has, too; every other file of GLUE's lies in a task's folder."""
    folders = [Path(cfg.dir).expanduser()] if cfg.get("dir") else []
    return [folder / name for folder in folders for name in DIAGNOSTIC_FILES]


def _data_config(run: TrainedRun, glue_data: Path | None) -> Any:
    cfg = run.config()
    folder = (cfg.data.sources.get("tsv") or {}).get("folder")
    if not isinstance(folder, str) or folder not in FOLDERS:  # it becomes the name of a file
        raise UserError(f"{run.folder} was trained on {cfg.data.name}, which is none of GLUE's tasks")
    if glue_data is not None:
        cfg.data.source, cfg.data.dir = "tsv", str(glue_data)
    return cfg.data


def _opened_sets(run: TrainedRun, cfg: Any) -> list[tuple[str, Dataset]]:
    with opened(run.folder):
        return list(_test_sets(run, cfg))


def _test_sets(run: TrainedRun, cfg: Any) -> Iterator[tuple[str, Dataset]]:
    """Name of the file and rows, for every test set that the task's model answers."""
    folder = cfg.sources.tsv.folder
    splits = load_data(cfg, holdout=False).splits
    tests = [split for split in splits if is_test(split)]
    if not set(tests) <= SUFFIXES.keys():
        raise UserError(
            f"{run.folder}: {', '.join(tests)} are no test splits of {folder}; choices: {', '.join(SUFFIXES)}"
        )
    if not tests:
        raise UserError(f"{run.folder}: no test file of {folder} in source {cfg.source}; name GLUE with --glue-data")
    for split in tests:
        yield folder + SUFFIXES[split], splits[split]
    if folder == DIAGNOSTIC_OF:
        try:
            yield DIAGNOSTIC, _diagnostic(run, cfg)
        except UserError as error:
            say(f"{DIAGNOSTIC}.tsv is not written: {error}")


def _diagnostic(run: TrainedRun, cfg: Any) -> Dataset:
    if cfg.source != "tsv":
        hub = {key: value for key, value in plain(cfg.sources.hub).items() if key != "_target_"}
        return load_hub(**(hub | {"config": "ax", "splits": {"test": "test"}}))["test"]
    found = next((path for name in DIAGNOSTIC_FILES if (path := Path(cfg.dir).expanduser() / name).is_file()), None)
    if found is None:
        raise UserError(f"none of {', '.join(DIAGNOSTIC_FILES)} is in {cfg.dir}")
    table = parse_tsv(found.read_bytes(), str(found))
    return normalise(
        table.columns,
        text=list(cfg.sources.tsv.text),
        label=None,
        label_names=run.label_names,
        place=lines_of(found, table.lines),
    )


def _answers(run: TrainedRun, cfg: Any, rows: Dataset, batch_size: int) -> str:
    pairs = rows["text_pair"][:] if "text_pair" in rows.column_names else None
    logits = run.logits(rows["text"][:], pairs, batch_size=batch_size, progress=True)
    label_encoding = list(cfg.sources.tsv.get("label_encoding") or run.label_names)
    if len(label_encoding) != len(run.label_names):
        raise UserError(
            f"{run.folder}: data.sources.tsv.label_encoding has {len(label_encoding)} of {len(run.label_names)} classes"
        )
    answers = run.classifier.space.kind.written(logits, label_encoding, LOWEST, HIGHEST)
    lines = [f"{index}\t{line(answer)}" for index, answer in zip(rows["idx"][:], answers, strict=True)]
    return "\n".join(["index\tprediction", *lines]) + "\n"
