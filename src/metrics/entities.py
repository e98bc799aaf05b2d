"""Entities in sentences of tags, counted in all sentences at once.

A tag is a whole number: 0 is O; of the entity types t = 0, 1, ... 2 t + 1 begins one (B-t), and 2 t + 2 goes on with
it (I-t). Sentences are rows of tags, filled up with ``NOTHING``. An entity begins at a B and lasts as long as I of its
type follow; an I that follows anything else is part of none: IOB2 in the strict mode of seqeval (Nakayama 2018).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NOTHING = -1  # where a sentence has no word
OUTSIDE = 0


def entity_counts(labels: Array, predictions: Array, entity_type: int | None = None) -> Array:
    """(n, 3) of each sentence: the entities that both have, with type, first and last word; those predicted; the true.

    Args:
        labels: (n, words) tags.
        predictions: likewise.
        entity_type: count entities of this type alone.
    """
    true, predicted = _rows(labels), _rows(predictions)
    begins_true, begins_predicted = _begins(true, entity_type), _begins(predicted, entity_type)
    same = begins_true & begins_predicted & (true == predicted) & (_ends(true) == _ends(predicted))
    return np.stack([same.sum(1), begins_predicted.sum(1), begins_true.sum(1)], axis=1)


def word_counts(labels: Array, predictions: Array) -> Array:
    """(n, 2) of each sentence: its words, and those whose tag is right."""
    true, predicted = _rows(labels), _rows(predictions)
    words = true != NOTHING
    return np.stack([words.sum(1), (words & (true == predicted)).sum(1)], axis=1)


def spans(tags: Array) -> list[tuple[int, int, int]]:
    """The entities of one sentence (words,): type, first word, and the word behind the last."""
    row = _rows(tags[None])
    ends = _ends(row)[0]
    return [(int(row[0, place]) // 2, int(place), int(ends[place])) for place in np.flatnonzero(_begins(row, None)[0])]


def _rows(tags: Array) -> Array:
    """(n, words) whole numbers; of sentences of a word each (n,) will do."""
    tags = np.asarray(tags)
    return tags.reshape(len(tags), -1).astype(np.int64)


def _begins(tags: Array, entity_type: int | None) -> Array:
    return (tags > 0) & (tags % 2 == 1) if entity_type is None else tags == 2 * entity_type + 1


def _ends(tags: Array) -> Array:
    """Of every word the next one that does not go on with what stands before it."""
    n, width = tags.shape
    goes_on = np.zeros_like(tags, dtype=bool)
    inside = (tags > 0) & (tags % 2 == 0)
    goes_on[:, 1:] = inside[:, 1:] & ((tags[:, :-1] == tags[:, 1:]) | (tags[:, :-1] == tags[:, 1:] - 1))
    places = np.where(goes_on, width, np.arange(width))
    behind = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    return np.concatenate([behind[:, 1:], np.full((n, 1), width)], axis=1)
