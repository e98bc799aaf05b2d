"""Sentences of words as a model takes them: which token begins which word, and windows over those that are too long.

Windows overlap by a third of their words. Of two neighbours the middle of what both see divides whose words are whose,
so that each word is answered once, with words on both sides of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from src.tasks.signatures import Array
from src.utils.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OVERLAP = 3  # a third of a window's words are the next one's, too


@dataclass(frozen=True)
class Window:
    """Some of a sentence's words as one row of a model's input.

    Attributes:
        inputs: the model's, by name, a list of tokens each.
        tokens: the first token of each word that is answered here.
        words: the numbers of these words in their sentence.
    """

    inputs: dict[str, list[int]]
    tokens: list[int]
    words: range


def windows_of_all(
    tokenizer: "PreTrainedTokenizerBase", sentences: Sequence[Sequence[str]], max_length: int
) -> Iterator[list[Window]]:
    """Each sentence's windows; those that fit are read together, which is several times as quick. See ``windows``."""
    _check(tokenizer)
    texts = [" ".join(words) for words in sentences]
    batch = dict(tokenizer(texts, truncation=True, max_length=max_length, return_offsets_mapping=True))
    places = batch.pop("offset_mapping")
    for number, words in enumerate(sentences):
        offsets = np.asarray(places[number])
        firsts = first_tokens(words, offsets)
        whole = len(offsets) < max_length or offsets.max() == len(texts[number])
        if whole and (firsts >= 0).all():
            inputs = {name: column[number] for name, column in batch.items()}
            yield [Window(inputs, firsts.tolist(), range(len(words)))]
        else:
            yield windows(tokenizer, words, max_length)


def windows(tokenizer: "PreTrainedTokenizerBase", sentence: Sequence[str], max_length: int) -> list[Window]:
    """One window for a sentence that fits, else as many as it takes.

    A word of which the tokenizer makes nothing (a lone variation selector) is read as its unknown token.

    Args:
        tokenizer: a fast one, which tells where in a text each token stands.
        sentence: its words, which hold no space.
        max_length: tokens a row, special ones included.

    Raises:
        UserError: for another tokenizer.
    """
    _check(tokenizer)
    found: list[Window] = []
    start = answered = 0
    words = list(sentence)
    while True:
        inputs, firsts = _cut(tokenizer, words, start, max_length)
        end = start + len(firsts)
        shared = len(firsts) // OVERLAP
        stop = end if end == len(words) else end - shared // 2
        if answered < stop:
            found.append(Window(inputs, firsts[answered - start : stop - start], range(answered, stop)))
        if end == len(words):
            return found
        start, answered = end - shared, stop


def _cut(
    tokenizer: "PreTrainedTokenizerBase", words: list[str], start: int, max_length: int
) -> tuple[dict[str, list[int]], list[int]]:
    """The words from ``start`` on that fit, and the first token of each; words without a token are replaced."""
    while True:
        text = " ".join(words[start:])
        inputs = dict(tokenizer(text, truncation=True, max_length=max_length, return_offsets_mapping=True))
        offsets = np.asarray(inputs.pop("offset_mapping"))
        firsts = first_tokens(words[start:], offsets)
        known = int(np.flatnonzero(firsts >= 0).max(initial=-1)) + 1  # behind it nothing fits
        lost = np.flatnonzero(firsts[: max(known, 1)] < 0)
        if len(inputs["input_ids"]) < max_length:
            lost = np.flatnonzero(firsts < 0)  # nothing was cut
        elif known > 1 and offsets.max() < len(" ".join(words[start : start + known])):
            known -= 1  # the last word is cut in two
        if not len(lost):
            return inputs, firsts[:known].tolist()
        for place in lost:
            words[start + int(place)] = _stand_in(tokenizer, words[start + int(place)])


def _check(tokenizer: "PreTrainedTokenizerBase") -> None:
    if not tokenizer.is_fast:
        raise UserError(
            f"{type(tokenizer).__name__} does not say which token is of which word: it is no fast tokenizer"
        )


def _stand_in(tokenizer: "PreTrainedTokenizerBase", word: str) -> str:
    tried = [tokenizer.unk_token, ".", "a"]
    return next(text for text in tried if text and text != word)


def first_tokens(words: Sequence[str], offsets: Array) -> Array:
    """(words,) the number of the first token of each word of a text, in which a space divides them; -1 if it has none.

    Args:
        words: of the text.
        offsets: (tokens, 2) where in the text each token begins and ends; of special ones nowhere, (0, 0).
    """
    lengths = np.array([len(word) for word in words])
    ends = np.cumsum(lengths + 1) - 1
    last = offsets[:, 1] - 1  # a token may begin with the space before its word
    word = np.searchsorted(ends, last, side="right")
    real = (offsets[:, 1] > offsets[:, 0]) & (word < len(words))
    real[real] &= last[real] < ends[word[real]]
    real[real] &= last[real] >= (ends - lengths)[word[real]]
    found = np.full(len(words), -1)
    tokens = np.flatnonzero(real)[::-1]
    found[word[tokens]] = tokens  # of several the first is written last
    return found
