"""SQuAD's JSON, 1.1 and 2.0: ``data[].paragraphs[]``, each a ``context`` and ``qas[]`` about it."""

import json
from typing import Any

from src.data.normalise import check_characters
from src.data.sources.file_columns import Columns
from src.utils.errors import UserError

COLUMNS = ("id", "title", "context", "question", "answers")


def read_squad(text: str, where: str) -> Columns:
    """The columns id, title, context, question and answers (a list, empty of an unanswerable question), a row each.

    Raises:
        UserError: if the text is no JSON of that shape.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not valid JSON: {error}") from None
    values: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    places: list[str] = []
    for article, a in _entries(content, "data", where):
        for paragraph, p in _entries(article, "paragraphs", a):
            for question, q in _entries(paragraph, "qas", p):
                answers = [] if question.get("is_impossible") else question.get("answers")
                row = [question.get("id"), article.get("title"), paragraph.get("context"), question.get("question")]
                for name, value in zip(COLUMNS, [*row, answers], strict=True):
                    if isinstance(value, str):
                        check_characters(value, lambda: f"{q}: {name}")  # noqa: B023  # called at once
                    values[name].append(value)
                places.append(q)
    if not places:
        raise UserError(f"{where}: the file has no questions")
    return Columns(values, lambda row: places[row])


def _entries(node: Any, key: str, where: str) -> list[tuple[dict[str, Any], str]]:
    """The objects of a list and their places."""
    found = node.get(key) if isinstance(node, dict) else None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise UserError(f"{where}: no list of objects at {key!r}; SQuAD's JSON has data[].paragraphs[].qas[]")
    return [(entry, f"{where} {key}[{number}]") for number, entry in enumerate(found)]
