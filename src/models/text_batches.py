"""Training text as batches, for an init that depends on it."""

from collections.abc import Iterator, Sequence

from torch import Tensor
from transformers import PreTrainedTokenizerBase

ROWS, BATCHES, LONGEST = 32, 32, 128


def text_batches(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Up to 32 batches of 32 texts that lie evenly over all, cut at 128 tokens; no label."""
    step = max(1, len(texts) // (ROWS * BATCHES))
    chosen = list(texts[::step][: ROWS * BATCHES])
    for start in range(0, len(chosen), ROWS):
        rows = chosen[start : start + ROWS]
        yield dict(tokenizer(rows, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"))
