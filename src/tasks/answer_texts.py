"""Answers that are spans of a text: as sources give them, normalised as SQuAD's script does, and as numbers.

Predictions are kept as whole numbers, so the words of normalised answers get numbers that mean something within their
example alone: those that its text or a right answer holds in their alphabetical order, others (a part of a word) by a
hash.
"""

import json
import re
import string
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from src.metrics.answers import END, FIRST_WORD, NOTHING
from src.tasks.signatures import Array, Place, Raw
from src.utils.errors import UserError

KNOWN = 9000  # numbers of words below it are of an example's own, those above of parts of words
OTHERS = 999
ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)

Span = tuple[int, str]  # the first character, and the text


def normalised(text: str) -> list[str]:
    """The words of an answer in lower case, without punctuation and articles, as SQuAD's ``evaluate-v2.0.py``."""
    return ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split()


def read_spans(values: Raw, column: str, place: Place) -> list[list[Span]]:
    """A column of answers: ``{"text": [...], "answer_start": [...]}``, or a list of ``{"text", "answer_start"}``.

    Raises:
        UserError: for anything else.
    """
    return [_spans(value, column, place, row) for row, value in enumerate(values)]


def _spans(value: object, column: str, place: Place, row: int) -> list[Span]:
    if isinstance(value, Mapping) and {"text", "answer_start"} <= value.keys():
        texts, starts = list(value["text"]), list(value["answer_start"])
        given: list[tuple[Any, Any]] = list(zip(texts, starts, strict=True)) if len(texts) == len(starts) else [(0, 0)]
    elif isinstance(value, list | tuple | np.ndarray) and all(isinstance(own, Mapping) for own in value):
        given = [(own.get("text"), own.get("answer_start")) for own in value]
    else:
        given = [(None, None)]
    for text, start in given:
        whole = isinstance(start, int | np.integer) and not isinstance(start, bool)
        if not isinstance(text, str) or not text.strip() or not whole or start < 0:
            raise UserError(
                f"{place(row)}: {value!r} in column {column!r} is no list of answers: "
                'each has a "text" and its first character, "answer_start"'
            )
    return [(int(start), str(text)) for text, start in given]


def written_spans(spans: Sequence[Span]) -> str:
    """Spans as a column of ours has them."""
    return json.dumps(spans, ensure_ascii=False)


def spans_in(text: str) -> list[Span]:
    """Back from ``written_spans``."""
    return [(int(start), str(own)) for start, own in json.loads(text)]


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the white space at its ends, which some tokenizers count to a token."""
    own = text[start:end]
    return start + len(own) - len(own.lstrip()), end - (len(own) - len(own.rstrip()))


class WordNumbers:
    """The numbers of words in one example.

    Args:
        context: the text that is asked about.
        answers: the right ones.
    """

    def __init__(self, context: str, answers: Sequence[str]) -> None:
        words = sorted({word for text in (context, *answers) for word in normalised(text)})
        self._of = {word: FIRST_WORD + number for number, word in enumerate(words[: KNOWN - FIRST_WORD])}

    def of(self, text: str, most: int | None = None) -> list[int]:
        """Its normalised words as numbers, at most so many, and ``END``."""
        words = normalised(text)[:most]
        return [*(self._of.get(word, KNOWN + zlib.crc32(word.encode()) % OTHERS) for word in words), END]

    def of_all(self, texts: Sequence[str]) -> list[int]:
        """Several answers one behind the other; where there is none, one without a word."""
        return [number for text in texts or [""] for number in self.of(text)]


def filled(rows: Sequence[Sequence[int]], least: int) -> Array:
    """(n, longest) rows of numbers, filled up with ``NOTHING`` to the longest, or to the least width."""
    found = np.full((len(rows), max([least, *map(len, rows)])), NOTHING, dtype=np.int64)
    for own, row in zip(found, rows, strict=True):
        own[: len(row)] = row
    return found
