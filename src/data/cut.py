"""How much of the inputs ``data.max_length`` cuts off."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from datasets import Dataset

from src.tasks import KINDS, TaskKind

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)

CUT, WINDOW = "cut", "window"  # data.long: what becomes of a text that is longer than data.max_length
LOOKED_AT = 2000  # rows of the full length in a split: of more, every k-th one stands for k
WARNED_ABOVE = 0.01


def cut_inputs(
    texts: Dataset,
    encoded: Dataset,
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
    kind: TaskKind = KINDS["classification"],
) -> dict[str, float]:
    """The shares of rows that were cut and of tokens that were lost.

    Args:
        texts: the split with ``text`` and, of pairs, ``text_pair``.
        encoded: the same rows as they were tokenised, in any order.
        tokenizer: the backbone's.
        max_length: tokens of an input.
        kind: of the task, which says what a row's inputs are; a row of several is cut where one of them is.

    Returns:
        ``rows`` and ``tokens``, from 0 to 1; of more than 2,000 rows of the full length they are estimates. Empty where
        the split has no plain texts, or a row is not one input.
    """
    if "text" not in texts.column_names or len(texts) != len(encoded) or not len(texts):
        return {}
    lengths = np.asarray(encoded["length"][:])
    longest = lengths
    if kind.several_inputs:
        longest = np.array([max(map(len, inputs)) for inputs in encoded["input_ids"][:]])
    full = np.flatnonzero(longest >= max_length)
    seen = full[:: max(1, -(-len(full) // LOOKED_AT))]
    if not len(seen):
        return {"rows": 0.0, "tokens": 0.0}
    places = {number: place for place, number in enumerate(texts["idx"][:])}
    rows = texts.select([places[number] for number in np.asarray(encoded["idx"][:])[seen].tolist()])
    inputs = kind.inputs(rows[:])
    flat = [list(column) for column in zip(*(texts for own in inputs for texts in own), strict=True)]
    whole = np.array([len(ids) for ids in tokenizer(*flat, verbose=False)["input_ids"]])
    owner = np.repeat(np.arange(len(inputs)), [len(own) for own in inputs])
    each = len(full) / len(seen)
    lost = each * np.maximum(whole - max_length, 0).sum()
    return {
        "rows": float(each * len(np.unique(owner[whole > max_length])) / len(lengths)),
        "tokens": float(lost / (lengths.sum() + lost)),
    }


def windows_in(encoded: Dataset) -> int | None:
    """How many rows a split's texts became, where they are more than the texts."""
    index = np.asarray(encoded["idx"][:])
    return len(index) if len(np.unique(index)) < len(index) else None


def one_a_text(encoded: Dataset) -> np.ndarray:
    """The number of the first row of each text, in the order of the rows."""
    return np.sort(np.unique(np.asarray(encoded["idx"][:]), return_index=True)[1])


def warn_of_cuts(cut: Mapping[str, Mapping[str, float]], max_length: int) -> None:
    """Log what was cut; as a warning where it is more than one row in a hundred."""
    for split, share in cut.items():
        if share.get("rows"):
            level = logging.WARNING if share["rows"] > WARNED_ABOVE else logging.INFO
            message = (
                "%s: %.1f %% of inputs are longer than data.max_length=%d and were cut, %.1f %% of tokens are lost"
            )
            log.log(level, message, split, 100 * share["rows"], max_length, 100 * share["tokens"])
