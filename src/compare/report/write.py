"""Putting the report together: texts, tables, data and plotly in one file that loads nothing."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.compare.present.table_sentences import NOTHING_LEARNED, SCOPE, sentences
from src.compare.published import published_rows
from src.compare.report.cells import columns
from src.compare.report.payload import payload
from src.compare.sensitivity import sweeps
from src.compare.tables import Comparison, Matrix, Table
from src.plotting.palette import styles
from src.runs.record import jsonable
from src.utils.files import write_whole
from src.utils.places import make_folder

FOLDER = Path(__file__).parent
SCRIPTS = ("page.js", "table.js", "plots.js")


@dataclass(frozen=True)
class Card:
    """What a report says first.

    Attributes:
        question: that was asked.
        answers: by task; the first sentence is the answer, the others are what is known besides.
        reasons: how it came about.
    """

    question: str
    answers: Mapping[str, Sequence[str]]
    reasons: Sequence[str]


def write_report(
    comparison: Comparison,
    path: Path,
    published: bool = False,
    title: str = "PEFT Verdict: runs compared",
    card: Card | None = None,
) -> None:
    """Write a comparison as one HTML file that opens without a network.

    Args:
        comparison: from ``compare_runs``.
        path: the file; its folder is made. It is written whole or not at all.
        published: add what papers report for the same backbone, task and metric.
        title: of the page.
        card: the answer, above the comparison.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    looks = styles(row.method for table in comparison.tables for row in table.rows)
    data = payload(comparison, published) | {"styles": {method: vars(style) for method, style in looks.items()}}
    scripts = [get_plotlyjs(), "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)]
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    html = environment.get_template("report.html").render(
        title=title,
        card=card,
        groups=[_group(table, published) for table in comparison.tables],
        matrices=[_matrix(matrix) for matrix in comparison.matrices],
        beside=comparison.beside,
        left_out=comparison.left_out,
        total=comparison.total,
        scope=SCOPE,
        nothing_learned=NOTHING_LEARNED,
        styles=looks,
        css=Markup((FOLDER / "report.css").read_text(encoding="utf-8")),
        data=Markup(script_json(data)),
        scripts=[Markup(script) for script in scripts],
        hashes=[_hash(script) for script in scripts],
    )
    make_folder(path.parent)
    write_whole(path, html)


def script_json(value: object) -> str:
    """JSON that may stand in a ``<script>``: no character in it can end the element or begin a comment."""
    text = json.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _group(table: Table, published: bool) -> dict[str, Any]:
    shown = columns(table)
    return {
        "title": table.title,
        "table": table,
        "sentences": [sentence for sentence in sentences(table) if sentence != NOTHING_LEARNED],
        "columns": shown,
        "rows": [(row, [column.cell(row) for column in shown]) for row in table.rows],
        "methods": sorted({row.method for row in table.rows}),
        "published": published_rows(table) if published else [],
        "sweeps": sweeps(table),
        "compared": any(row.difference for row in table.rows),
    }


def _matrix(matrix: Matrix) -> dict[str, Any]:
    """Shades from 0 to 1 within each task's column, since tasks have metrics of their own."""
    columns = list(zip(*(scores for _, scores, _ in matrix.rows), strict=True))
    shades = [[_shade(score, column) for score in column] for column in columns]
    rows = [
        {"label": label, "cells": list(zip(scores, found, strict=True)), "average": average}
        for (label, scores, average), found in zip(matrix.rows, zip(*shades, strict=True), strict=True)
    ]
    return {"backbone": matrix.backbone, "tasks": matrix.tasks, "rows": rows}


def _shade(score: float | None, column: tuple[float | None, ...]) -> float | None:
    known = [value for value in column if value is not None]
    if score is None:
        return None
    spread = max(known) - min(known)
    return (score - min(known)) / spread if spread else 0.5


def _hash(script: str) -> str:
    """What the page's security policy asks a script to be: no other script runs, wherever it may come from."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
