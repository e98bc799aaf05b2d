"""A small batch on which two forms of one model are compared."""

from typing import Any

import torch
from torch import Tensor

SAME = 1e-5  # of a logit: two ways to the same sums differ by rounding alone


def probe_batch(model: Any) -> dict[str, Tensor]:
    """Two rows of token numbers, (2, 8), the second one padded."""
    config = model.config.get_text_config()
    tokens = (torch.arange(8) % config.vocab_size).repeat(2, 1)
    mask = torch.ones_like(tokens)
    mask[1, 5:] = 0
    if (pad := getattr(config, "pad_token_id", None)) is not None:
        tokens[1, 5:] = pad
    return {"input_ids": tokens, "attention_mask": mask}


@torch.no_grad()
def probe_logits(model: Any) -> Tensor:
    """The logits of the batch in eval mode, (2, C); the model's own mode is as before."""
    training = model.training
    try:
        return model.eval()(**probe_batch(model)).logits
    finally:
        model.train(training)
