"""Putting the report together: texts, tables, data and plotly in one file that loads nothing."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.compare.present.formats import csv_text, latex
from src.compare.present.table_answer import answer
from src.compare.present.table_sentences import NOTHING_LEARNED, SCOPE, sentences
from src.compare.published import published_rows
from src.compare.report.cells import columns
from src.compare.report.matrix import matrices
from src.compare.report.payload import payload
from src.compare.report.provenance import provenance
from src.compare.report.tuning_section import Tuning
from src.compare.sensitivity import sweeps
from src.compare.tables import Comparison, Table
from src.plotting.palette import styles
from src.runs.record import jsonable
from src.utils.files import write_whole
from src.utils.places import make_folder

FOLDER = Path(__file__).parent
SCRIPTS = ("page.js", "verdicts.js", "forest.js", "table.js", "labels.js", "plots.js", "curves.js", "drawing.js")


@dataclass(frozen=True)
class Card:
    """What a report says first.

    Attributes:
        question: that was asked.
        answers: by task; the first sentence is the answer, the others are what is known besides.
        reasons: how it came about.
        plan: its hash and its time.
        tunings: what the methods' budgets of trials have shown.
    """

    question: str
    answers: Mapping[str, Sequence[str]]
    reasons: Sequence[str]
    plan: str | None = None
    tunings: Sequence[Tuning] = ()


def write_report(
    comparison: Comparison,
    path: Path,
    published: bool = False,
    title: str = "PEFT Verdict: runs compared",
    card: Card | None = None,
    command: str | None = None,
) -> None:
    """Write a comparison as one HTML file that opens without a network.

    Args:
        comparison: from ``compare_runs``.
        path: the file; its folder is made. It is written whole or not at all.
        published: add what papers report for the same backbone, task and metric.
        title: of the page.
        card: the answer, above the comparison; without one each table has its own.
        command: that the report comes from.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    looks = styles(row.method for table in comparison.tables for row in table.rows)
    tunings = list(card.tunings) if card else []
    looks |= styles(arm.method for tuning in tunings for arm in tuning.arms)
    data = payload(comparison, published, path.parent) | {
        "styles": {method: vars(style) for method, style in looks.items()},
        "tunings": [asdict(tuning) for tuning in tunings],
        "files": {"table.csv": csv_text(comparison), "table.tex": latex(comparison)},
    }
    scripts = [get_plotlyjs(), "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)]
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    html = environment.get_template("report.html").render(
        title=title,
        card=card,
        groups=[_group(table, published, card) for table in comparison.tables],
        matrices=matrices(comparison),
        beside=[section for section in comparison.beside if section.kind != "tasks" or not comparison.matrices],
        tunings=tunings,
        provenance=provenance(comparison, command, card.plan if card else None),
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


def _group(table: Table, published: bool, card: Card | None) -> dict[str, Any]:
    shown, compared = columns(table), any(row.difference for row in table.rows)
    return {
        "title": table.title,
        "table": table,
        "answer": [] if card or not table.learned else answer(table),
        "sentences": [sentence for sentence in sentences(table) if sentence != NOTHING_LEARNED],
        "columns": shown,
        "rows": [(row, [column.cell(row) for column in shown]) for row in table.rows],
        "methods": sorted({row.method for row in table.rows}),
        "published": published_rows(table) if published else [],
        "sweeps": sweeps(table),
        "compared": compared,
        "said_once": [] if compared else [note for row in table.rows for note in row.notes if "no claim" in note],
    }


def _hash(script: str) -> str:
    """What the page's security policy asks a script to be: no other script runs, wherever it may come from."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
