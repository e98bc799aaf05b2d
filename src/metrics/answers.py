"""Answers in words, held against the right ones of their question, of which the closest counts: SQuAD's metrics.

An answer is its normalised words as whole numbers, closed by ``END``; a label is one or more of them, one behind the
other. Rows are filled up with ``NOTHING``, or with -1. An answer without words says that there is none.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
END, NOTHING, FIRST_WORD = 0, 1, 2


def best_of(score: Callable[[Sequence[int], Sequence[int]], float], labels: Array, predictions: Array) -> Array:
    """(n,) of each question the largest score of its answer with one of the right ones."""
    found = []
    for right, given in zip(_rows(labels), _rows(predictions), strict=True):
        answer = next(iter(_answers(given)), [])
        found.append(max(score(own, answer) for own in _answers(right) or [[]]))
    return np.asarray(found, dtype=np.float64)


def same(right: Sequence[int], answer: Sequence[int]) -> float:
    """1 where the words are the same in the same order."""
    return float(list(right) == list(answer))


def overlap(right: Sequence[int], answer: Sequence[int]) -> float:
    """F1 of the words as bags; of an answer without words whether both have none."""
    if not right or not answer:
        return float(not right and not answer)
    both = sum((Counter(right) & Counter(answer)).values())
    return 2 * both / (len(right) + len(answer))


def _rows(column: Array) -> Array:
    column = np.asarray(column)
    return column.reshape(len(column), -1).astype(np.int64)


def _answers(row: Array) -> list[list[int]]:
    found: list[list[int]] = []
    words: list[int] = []
    for number in row.tolist():
        if number >= FIRST_WORD:
            words.append(number)
        elif number == END:
            found.append(words)
            words = []
    return [*found, words] if words else found
