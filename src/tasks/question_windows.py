"""A question and its text as inputs of a model: as many windows over the text as it takes, and the best spans in them.

Neighbouring windows share a quarter of ``max_length``. The question stands whole in each; one of more than 64 tokens,
or half the room, is cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from src.tasks.answer_texts import Span, trimmed
from src.tasks.signatures import Array
from src.utils.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHARED = 4  # a quarter of an input's tokens are in the next window, too
LONGEST_QUESTION = 64
LONGEST_ANSWER = 30  # tokens
TEXT, NONE = 1, 2  # a token of the text, and the one whose scores say that no answer is here


@dataclass(frozen=True)
class QuestionWindow:
    """A question with some of its text.

    Attributes:
        inputs: the model's, by name, a list of tokens each.
        origin: the number of the question.
        roles: of each token ``TEXT``, ``NONE``, or 0 for one that is never part of an answer.
        starts: of each token of the text its first character there, else 0.
        ends: likewise the one behind its last.
    """

    inputs: dict[str, list[int]]
    origin: int
    roles: Array
    starts: Array
    ends: Array

    def tokens_of(self, span: Span | None) -> list[int]:
        """The first and the last token of an answer; ``NONE`` twice where it is not wholly in this window."""
        nowhere = [int(np.flatnonzero(self.roles == NONE)[0])] * 2
        if span is None:
            return nowhere
        inner = trimmed(span[1], 0, len(span[1]))
        start, end = span[0] + inner[0], span[0] + inner[1]
        own = np.flatnonzero(self.roles == TEXT)
        inside = own[(self.ends[own] > start) & (self.starts[own] < end)]
        if not len(inside) or self.starts[own[0]] > start or self.ends[own[-1]] < end:
            return nowhere
        return [int(inside[0]), int(inside[-1])]


def question_windows(
    tokenizer: "PreTrainedTokenizerBase", questions: Sequence[str], contexts: Sequence[str], max_length: int
) -> Iterator[QuestionWindow]:
    """The windows of each question, in their order.

    Raises:
        UserError: for a tokenizer that does not tell where in a text its tokens stand.
    """
    if not tokenizer.is_fast:
        raise UserError(
            f"{type(tokenizer).__name__} does not say where in a text its tokens stand: it is no fast tokenizer"
        )
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True)
    batch = tokenizer(
        _shortened(tokenizer, questions, max(1, min(LONGEST_QUESTION, room // 2))),
        list(contexts),
        truncation="only_second",
        max_length=max_length,
        stride=min(max_length // SHARED, max(room // 2 - 1, 0)),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    columns = dict(batch)
    origins, places = columns.pop("overflow_to_sample_mapping"), columns.pop("offset_mapping")
    for row, origin in enumerate(origins):
        inputs = {name: column[row] for name, column in columns.items()}
        own = np.array([part == 1 for part in batch.sequence_ids(row)])
        offsets = np.asarray(places[row]) * own[:, None]
        roles = np.where(own & (offsets[:, 1] > offsets[:, 0]), TEXT, 0)
        ids = inputs["input_ids"]
        roles[ids.index(tokenizer.cls_token_id) if tokenizer.cls_token_id in ids else 0] = NONE
        yield QuestionWindow(inputs, origin, roles, offsets[:, 0], offsets[:, 1])


def _shortened(tokenizer: "PreTrainedTokenizerBase", questions: Sequence[str], most: int) -> list[str]:
    encoded = tokenizer(list(questions), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return [
        question[: places[most - 1][1]] if len(places) > most else question
        for question, places in zip(questions, encoded["offset_mapping"], strict=True)
    ]


def best_spans(logits: Array, roles: Array, starts: Array, ends: Array, most: int) -> list[tuple[float, int, int]]:
    """The best spans of one window: score, first character, and the one behind the last.

    A span's score is its first token's as a start plus its last one's as an end; it has at most ``LONGEST_ANSWER``
    tokens.

    Args:
        logits: (tokens, 2), scores of each token as a start and as an end.
        roles: (tokens,) as of ``QuestionWindow``, and likewise the next two.
        starts: see there.
        ends: see there.
        most: how many.
    """
    own = np.flatnonzero(roles == TEXT)
    if not len(own):
        return []
    last = np.arange(len(own))[:, None] + np.arange(LONGEST_ANSWER)
    there = last < len(own)
    last = np.minimum(last, len(own) - 1)
    scores = np.where(there, logits[own, 0][:, None] + logits[own, 1][last], -np.inf).ravel()
    order = np.argsort(-scores, kind="stable")[: min(most, int(there.sum()))]
    firsts, lasts = own[order // LONGEST_ANSWER], own[last.ravel()[order]]
    return [(float(scores[k]), int(starts[i]), int(ends[j])) for k, i, j in zip(order, firsts, lasts, strict=True)]
