"""Batches of rows that are several inputs of a model each, of which a row has its own number."""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from src.tasks.signatures import Cell

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


def side_by_side(
    tokenizer: "PreTrainedTokenizerBase", inputs: Sequence[Sequence[tuple[str, ...]]], max_length: int
) -> dict[str, list[Cell]]:
    """What a tokenizer makes of rows of inputs, each a text or two: of every name a list a row."""
    columns = map(list, zip(*(texts for own in inputs for texts in own), strict=True))
    flat = tokenizer(*columns, truncation=True, max_length=max_length)
    ends = list(itertools.accumulate(len(own) for own in inputs))
    places = list(itertools.pairwise([0, *ends]))
    return {name: [values[start:end] for start, end in places] for name, values in flat.items()}


def pad_inputs(tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping[str, Cell]]) -> dict[str, "Tensor"]:
    """From encoded rows to a padded batch.

    Args:
        tokenizer: pads the inputs.
        rows: of each name a list of inputs, which are lists of numbers; ``labels`` (a number), unless there are none.

    Returns:
        Of each name (n, most, tokens), where an input that a row does not have is padding throughout, and its
        attention mask 0; ``labels`` (n,).
    """
    import torch

    names = [name for name in rows[0] if name != "labels"]
    own = [{name: cast("list[list[int]]", row[name]) for name in names} for row in rows]
    inputs = [{name: row[name][place] for name in names} for row in own for place in range(len(row["input_ids"]))]
    sizes = torch.tensor([len(row["input_ids"]) for row in own])
    present = torch.arange(int(sizes.max())) < sizes[:, None]
    batch: dict[str, Tensor] = {}
    for name, values in tokenizer.pad(inputs, return_tensors="pt").items():
        padding = tokenizer.pad_token_id if name == "input_ids" else 0
        batch[name] = values.new_full((*present.shape, values.shape[-1]), padding)
        batch[name][present] = values
    if "labels" in rows[0]:
        batch["labels"] = torch.tensor([row["labels"] for row in rows])
    return batch
