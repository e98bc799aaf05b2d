"""Texts that are longer than a model's input, as several inputs of which each token is in one at least.

Neighbouring windows share a quarter of ``max_length``. Of a pair the longer text is windowed and the other one is whole
in every window; where both are long, the shorter one is read in parts of half the room, each beside every window of the
longer one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from src.tasks.signatures import Cell
from src.utils.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHARED = 4  # a quarter of an input's tokens are in the next window, too


def text_windows(
    tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], pairs: Sequence[str] | None, max_length: int
) -> dict[str, list[Cell]]:
    """The columns of a model's inputs, and ``origin``, the number of the text that each row is of, in their order.

    Args:
        tokenizer: a fast one, which tells what did not fit.
        texts: one a row.
        pairs: the second text of each row, if there is one.
        max_length: tokens of an input, special ones included.

    Raises:
        UserError: for another tokenizer.
    """
    if not tokenizer.is_fast:
        raise UserError(f"data.long=window: {type(tokenizer).__name__} is no fast tokenizer; choices: cut")
    seconds = [] if pairs is None else [list(pairs)]
    whole = dict(tokenizer(list(texts), *seconds, truncation=True, max_length=max_length))
    found: dict[str, list[Cell]] = {name: [] for name in (*whole, "origin")}
    for origin, ids in enumerate(whole["input_ids"]):
        if len(ids) < max_length:
            rows = [{name: column[origin] for name, column in whole.items()}]
        elif pairs is None:
            rows = _overflowing(tokenizer, (texts[origin],), "only_first", max_length, max_length)
        else:
            rows = _windows_of_pair(tokenizer, texts[origin], pairs[origin], max_length)
        for row in rows:
            for name in whole:
                found[name].append(row[name])
            found["origin"].append(origin)
    return found


def _windows_of_pair(
    tokenizer: "PreTrainedTokenizerBase", first: str, second: str, max_length: int
) -> list[dict[str, Cell]]:
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True)
    sizes = [len(own) for own in tokenizer([first, second], add_special_tokens=False, verbose=False)["input_ids"]]
    if sum(sizes) <= room:
        return [dict(tokenizer(first, second))]
    long = 0 if sizes[0] >= sizes[1] else 1
    short = (first, second)[1 - long]
    parts = [short] if sizes[1 - long] <= room // 2 else _parts(tokenizer, short, max(room // 2, 1))
    rows = []
    for part in parts:
        pair = (first, part) if long == 0 else (part, second)
        taken = len(tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"])
        rows += _overflowing(tokenizer, pair, ("only_first", "only_second")[long], max_length, room - taken)
    return rows


def _overflowing(
    tokenizer: "PreTrainedTokenizerBase", texts: tuple[str, ...], which: str, max_length: int, room: int
) -> list[dict[str, Cell]]:
    """The windows over one of the texts, of which ``room`` tokens fit beside what else is in an input."""
    special = tokenizer.num_special_tokens_to_add(pair=len(texts) == 2)
    most = max(min(room, max_length - special) - 1, 0)  # a window brings one token that is new, at least
    batch = dict(
        tokenizer(
            *texts,
            truncation=which,
            max_length=max_length,
            stride=min(max_length // SHARED, most),
            return_overflowing_tokens=True,
        )
    )
    batch.pop("overflow_to_sample_mapping", None)
    return [dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True)]


def _parts(tokenizer: "PreTrainedTokenizerBase", text: str, size: int) -> list[str]:
    """A text cut between words, at most ``size`` tokens a part, neighbours with about a quarter in common."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    places, words = encoded["offset_mapping"], encoded.word_ids()
    found, start = [], 0
    while True:
        stop = min(start + size, len(places))
        if stop < len(places) and (whole := _word_start(words, stop)) > start:
            stop = whole
        found.append(text[places[start][0] : places[stop - 1][1]])
        if stop == len(places):
            return found
        start = max(_word_start(words, stop - size // SHARED), start + 1)


def _word_start(words: Sequence[int | None], token: int) -> int:
    """The first token of the word that a token is of; a word that fills a part is cut."""
    while token > 0 and words[token] is not None and words[token] == words[token - 1]:
        token -= 1
    return token
