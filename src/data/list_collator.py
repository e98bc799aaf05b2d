"""Batches of rows of several kinds of task, of which some have a list of labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

IGNORED = -100  # where a row has fewer labels than another


class ListCollator:
    """From encoded rows to a padded batch; labels become (n, longest), or (n,) where no row has a list.

    Args:
        tokenizer: pads the inputs.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        inputs = [{name: value for name, value in row.items() if name != "labels"} for row in rows]
        batch = dict(self.tokenizer.pad(inputs, return_tensors="pt"))
        if "labels" in rows[0]:
            batch["labels"] = _padded([row["labels"] for row in rows])
        return batch


def _padded(labels: list[Any]) -> torch.Tensor:
    if not isinstance(labels[0], list):
        return torch.tensor(labels)
    found = torch.full((len(labels), max(map(len, labels))), float(IGNORED))
    for row, own in zip(found, labels, strict=True):
        row[: len(own)] = torch.tensor(own)
    return found
