"""A comparison as Markdown, CSV, LaTeX or JSON, and its runs as one tidy table."""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from src.compare.grouping import held_fixed
from src.compare.present.chosen_columns import ALL, chosen_columns
from src.compare.present.columns import matrix_cells
from src.compare.present.how_judged import how_judged
from src.compare.present.latex_tables import latex
from src.compare.present.table_sentences import SCOPE, sentences
from src.compare.settings import settings_of
from src.compare.tables import Comparison, Table
from src.compare.verified import verified
from src.runs.reading import Run
from src.runs.record import jsonable
from src.runs.store import Store
from src.utils import text
from src.utils.errors import UserError
from src.utils.files import whole
from src.utils.paths import named_from


def markdown(comparison: Comparison, with_pscp: bool = False, names: Sequence[str] = (ALL,)) -> str:
    """GitHub-flavoured tables, each followed by its findings."""
    parts = []
    for table in comparison.tables:
        drawn = chosen_columns(table, names, with_pscp)
        rows = [[column.text(row) for column in drawn] for row in table.rows]
        parts += [f"### {text.markdown(table.title)}", _markdown_table([column.heading for column in drawn], rows)]
        parts += ["\n".join(f"- {text.markdown(sentence)}" for sentence in sentences(table))]
    for matrix in comparison.matrices:
        parts += [f"### All tasks on {text.markdown(matrix.backbone)}", _markdown_table(*matrix_cells(matrix))]
    for section in comparison.beside:
        parts += [f"### {text.markdown(section.title)}"]
        parts += [_markdown_table(section.headings, section.rows)] if section.rows else []
        parts += ["\n".join(f"- {text.markdown(sentence)}" for sentence in section.sentences)]
    parts += [SCOPE] if comparison.tables else []
    return "\n\n".join(parts) + "\n"


def csv_text(comparison: Comparison, with_pscp: bool = False, names: Sequence[str] = ()) -> str:  # all of them
    """One line per configuration, numbers unrounded."""
    lines = [_plain_row(table, i, with_pscp) for table in comparison.tables for i in range(len(table.rows))]
    stream = io.StringIO()
    names = list(dict.fromkeys(key for line in lines for key in line))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(text.cell, names))
    writer.writerows([text.cell(line.get(name)) for name in names] for line in lines)
    return stream.getvalue()


def json_text(comparison: Comparison, with_pscp: bool = False, names: Sequence[str] = ()) -> str:  # all of them
    """Everything, with the findings in words; an infinite number of degrees of freedom becomes null."""
    tables = [asdict(table) | {"sentences": sentences(table), "test": how_judged(table)} for table in comparison.tables]
    body = comparison.as_dict() | {"tables": tables, "scope": SCOPE}
    return json.dumps(jsonable(body), indent=2) + "\n"


FORMATS: dict[str, Callable[..., str]] = {
    "markdown": markdown,
    "csv": csv_text,
    "latex": latex,
    "json": json_text,
}


def write_tidy(runs: Sequence[Run], path: Path, store: Store | None = None, below: Path | None = None) -> None:
    """One row per run that can be compared: what it is, every score, count, time and hyperparameter.

    Args:
        runs: any.
        path: the file.
        store: keeps results between calls.
        below: a folder; runs beneath it are named from there.

    Raises:
        UserError: if the file's ending is neither .csv nor .parquet.
        UnwritableError: if it cannot be written.
    """
    import pandas as pd

    if path.suffix not in (".csv", ".parquet"):
        raise UserError(f"--tidy {path}: the ending decides the format; choices: .csv, .parquet")
    frame = pd.DataFrame([_tidy(run, below) for run in verified(runs, store) if run.problem is None])
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if column.dtype == object:
            frame.isetitem(place, one_type(column.tolist()))
    with whole(path) as temporary:
        if path.suffix == ".csv":
            frame.columns = [text.cell(str(name)) for name in frame.columns]
            frame.map(text.cell).to_csv(temporary, index=False)
        else:
            frame.map(_writable).to_parquet(temporary, index=False)


def _writable(value: Any) -> Any:
    """A name of a file may hold bytes that no text can."""
    return text.shown(value) if isinstance(value, str) else value


def one_type(values: Sequence[object]) -> list[object]:
    """A column's values as a file with one type a column takes them: lists as JSON, and all as text if types differ.

    A missing value has no type, and a whole number may stand among others.
    """
    values = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
    kinds = {float if type(value) is int else type(value) for value in values if value is not None}
    small = all(abs(value) < 2**63 for value in values if type(value) is int)
    if len(kinds) <= 1 and kinds <= {str, bool, float} and small:
        return [float(v) if type(v) is int and any(type(o) is float for o in values) else v for v in values]
    return [value if value is None or isinstance(value, str) else json.dumps(value, default=str) for value in values]


def _tidy(run: Run, below: Path | None) -> dict[str, Any]:
    record = run.record
    scores = {f"{when}.{name}": value for when in record.metrics for name, value in record.scores(when).items()}
    chosen = settings_of(run)
    counts = {f"params.{key}": value for key, value in run.params.content.items()}
    name = named_from(below, run.folder) if below else str(run.folder)
    own = {
        "run": name, "method": run.method, "seed": run.seed, **held_fixed(run),
        "score": record.primary_metric.value, **scores, **counts,
        "adapter_bytes": record.adapter_bytes, "peak_mb": run.peak_mb,
        **{f"time.{key}": value for key, value in record.time.content.items()},
        "flags": " ".join(record.flags), "commit": record.git.commit,
    }  # fmt: skip
    return own | {key: value for key, value in chosen.items() if key not in own}  # a setting takes no field's place


def _plain_row(table: Table, index: int, with_pscp: bool) -> dict[str, Any]:
    row = table.rows[index]
    interval, difference = row.interval, row.difference
    return {
        **table.fixed, "method": row.method, "configuration": row.label, "seeds": " ".join(map(str, row.seeds)),
        "mean": row.mean, "standard_deviation": row.deviation,
        "low": interval and interval.low, "high": interval and interval.high,
        "baseline": table.baseline, "difference": difference and difference.mean,
        "difference_low": difference and difference.low, "difference_high": difference and difference.high,
        "difference_single_low": difference and difference.single_low,
        "difference_single_high": difference and difference.single_high,
        "p": difference and difference.p, "p_adjusted": row.p_adjusted,
        "detectable": difference and difference.detectable,
        "margin": table.margin, "p_equivalent": row.p_equivalent,
        "equivalence_low": row.equivalence and row.equivalence[0],
        "equivalence_high": row.equivalence and row.equivalence[1], "verdict": row.verdict, "tied": row.tied,
        "best": row.best, "last": row.last, "consistency": row.consistency, "collapsed": row.collapsed,
        "adapter": row.adapter, "router": row.router, "head": row.head, "trainable": row.trainable, "total": row.total,
        "adapter_bytes": row.adapter_bytes, "train_s": row.train_s, "samples_per_s": row.samples_per_s,
        "peak_mb": row.peak_mb, "pareto": row.pareto, **({"pscp": row.pscp} if with_pscp else {}),
    }  # fmt: skip


def _markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = ["---", *["---:"] * (len(headings) - 1)]
    lines = [map(text.markdown, headings), align, *(map(text.markdown, row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
