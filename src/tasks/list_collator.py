"""Batches of rows of several kinds of task, of which some have a list of labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from src.tasks.signatures import Cell

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # where a row has fewer labels than another


class ListCollator:
    """From encoded rows to a padded batch; labels become (n, longest), or (n,) where no row has a list.

    Args:
        tokenizer: pads the inputs.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self.tokenizer = tokenizer

    def __call__(self, rows: Sequence[Mapping[str, Cell]]) -> dict[str, torch.Tensor]:
        inputs = [{name: value for name, value in row.items() if name != "labels"} for row in rows]
        batch = dict(self.tokenizer.pad(inputs, return_tensors="pt"))
        if "labels" in rows[0]:
            batch["labels"] = _padded([row["labels"] for row in rows])
        return batch


def _padded(labels: list[Cell]) -> torch.Tensor:
    lists = [own for own in labels if isinstance(own, list)]
    if len(lists) < len(labels):
        return torch.tensor(labels)
    found = torch.full((len(lists), max(map(len, lists))), float(IGNORED))
    for row, own in zip(found, lists, strict=True):
        row[: len(own)] = torch.tensor(own)
    return found
