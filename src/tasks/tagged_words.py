"""Words and their tags, as sources give them and as answers are shown."""

import re
from collections.abc import Sequence

import numpy as np

from src.metrics.entities import spans
from src.tasks.signatures import Array, Entity, Place, Raw
from src.tasks.tag_schemes import entity_types
from src.utils.errors import UserError

SPACE = re.compile(r"[ \t\r\n\f\v]")


def split_words(values: Raw, column: str, place: Place) -> list[object]:
    """Lists of words as texts with a space between them; a text that is one already is left as it is.

    Raises:
        UserError: for a sentence without words, or a word that is none.
    """
    found: list[object] = []
    for row, words in enumerate(values):
        if not isinstance(words, list | tuple | np.ndarray):
            found.append(words)
            continue
        if not len(words):
            raise UserError(f"{place(row)}: the sentence in column {column!r} has no words")
        for word in words:
            if not isinstance(word, str) or not word or SPACE.search(word):
                raise UserError(f"{place(row)}: {word!r} in column {column!r} is no word: a text without white space")
        found.append(" ".join(words))
    return found


def words_of(text: str) -> list[str]:
    """The words of a text, which white space divides; of one without a word the text itself."""
    return [word for word in re.split(r"[ \t\r\n\f\v]+", text) if word] or [text or "."]


def read_tags(values: Raw, column: str, place: Place) -> list[list[str | int]]:
    """A column of tags, a list a sentence; a text is a list of what white space divides.

    Raises:
        UserError: for anything else.
    """
    found = []
    for row, tags in enumerate(values):
        own = tags.split() if isinstance(tags, str) else tags
        if not isinstance(own, list | tuple | np.ndarray):
            raise UserError(f"{place(row)}: {tags!r} in column {column!r} is no list of tags")
        for tag in own:
            if isinstance(tag, bool) or not isinstance(tag, str | int) or tag == "":
                raise UserError(f"{place(row)}: {tag!r} in column {column!r} is no tag: a text or a whole number")
        found.append(list(own))
    return found


def entities_in(text: str, tags: Array, names: Sequence[str], chances: Array) -> list[Entity]:
    """The entities of a text: type, words, first character and the one behind the last, and the least sure tag's score.

    Args:
        text: as it was given.
        tags: (words,) of its words.
        names: the tags' names.
        chances: (words, C) probabilities.
    """
    places = [found.span() for found in re.finditer(r"[^ \t\r\n\f\v]+", text)]
    types = entity_types(names)
    found: list[Entity] = []
    for kind, first, behind in spans(tags):
        start, stop = places[first][0], places[behind - 1][1]
        score = min(float(chances[word, tags[word]]) for word in range(first, behind))
        found.append({"type": types[kind], "text": text[start:stop], "start": start, "end": stop, "score": score})
    return found
