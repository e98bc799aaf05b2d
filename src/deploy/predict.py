"""``python -m src predict RUN``: what a trained classifier says about a text, a file, or GLUE's test sets."""

import json
import sys
from pathlib import Path
from typing import Any

from src.backbones.backbone import locate
from src.data.sources.file_columns import Columns
from src.data.sources.table_files import read_table
from src.deploy.output import keep_inputs
from src.deploy.trained_run import TrainedRun, load_run
from src.tasks import Prediction
from src.utils.errors import UserError
from src.utils.files import write_whole
from src.utils.places import make_folder
from src.utils.terminal import say
from src.utils.text import cell


def predict_text(folder: Path, text: str, text2: str | None) -> None:
    """Print what the run says about one text, as a line of JSON."""
    run = load_run(folder)
    answer = run.predict([text], None if text2 is None else [text2])[0]
    if run.said:
        say(run.said, file=sys.stderr)
    say(json.dumps({"label": answer.label} | ({"scores": answer.scores} if answer.scores else {}) | dict(answer.more)))


def predict_file(folder: Path, path: Path, columns: list[str] | None, out: Path, batch_size: int) -> None:
    """Write the rows of a table with what the run says about each.

    Raises:
        UserError: if the table does not fit the run, or the output would take the place of what is read.
    """
    run = load_run(folder)
    keep_inputs("--out", out, [path, Path(locate(run.classifier.description["backbone"]))], [folder])
    table = read_table(path)
    texts, pairs = _texts(run, path, table, columns)
    _write(out, run, table, run.predict(texts, pairs, batch_size=batch_size, progress=True))
    say(f"{len(texts)} rows in {out}" + (f"; {run.said}" if run.said else ""))


def _texts(
    run: TrainedRun, path: Path, table: Columns, columns: list[str] | None
) -> tuple[list[str], list[str] | None]:
    names = columns or run.text
    if names is None:
        raise UserError(f"{run.folder} does not say how its text columns are named; give --columns")
    kind = run.classifier.space.kind
    least, most = kind.text_columns
    if not least <= len(names) <= most:
        raise UserError(f"--columns takes {kind.text_rule}, not {len(names)}")
    read = [part for name in names for part in ([name] if name in table.values else kind.columns_read([name]))]
    if missing := [name for name in read if name not in table.values]:
        raise UserError(
            f"{path} has no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, table.values))}. "
            "--columns names others"
        )
    texts = kind.read_texts(table.values, names, table.place)
    for name, values in texts.items():
        for row, value in enumerate(values):
            if not isinstance(value, str):
                raise UserError(f"{table.place(row)}: {value!r} in column {name!r} is not text")
        if name in table.values:
            table.values[name] = list(values)  # of a list of words the sentence
    first, *second = (list(map(str, values)) for values in texts.values())
    return first, second[0] if second else None


def _write(path: Path, run: TrainedRun, table: Columns, answers: list[Prediction]) -> None:
    """Columns ``index``, the input's own, ``prediction`` and, of a classification, each class's probability.

    What a kind says besides (the entities of a sentence) is a column of JSON. One of the input's that has the name of
    one of these is called ``input_NAME``.
    """
    more = list(answers[0].more) if answers else []
    ours = ["index", "prediction", *run.classifier.space.kind.score_names(run.label_names), *more]
    names = list(table.values)
    lines = ["\t".join(map(_cell, ["index", *_renamed(names, ours), *ours[1:]]))]
    for index, answer in enumerate(answers):
        label = cell(answer.label) if isinstance(answer.label, str) else f"{answer.label:.6g}"
        own = [_cell(table.values[name][index]) for name in names]
        scores = [f"{score:.6f}" for score in answer.scores.values()]
        besides = [cell(json.dumps(answer.more[name], ensure_ascii=False)) for name in more]
        lines.append("\t".join([str(index), *own, label, *scores, *besides]))
    make_folder(path.parent)
    write_whole(path, "\n".join(lines) + "\n")


def _renamed(names: list[str], ours: list[str]) -> list[str]:
    """The input's names; one that an output has is called otherwise, and no two are alike."""
    found: list[str] = []
    for name in names:
        while name in ours or name in found:
            name = f"input_{name}"
        found.append(name)
    return found


def _cell(value: Any) -> str:
    """A value of the input on one line of a table; what is missing is empty."""
    return "" if value is None else str(cell(value if isinstance(value, str | int | float) else str(value)))
