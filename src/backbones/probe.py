"""A small batch on which two forms of one model are compared."""

from typing import Any

import torch
from torch import Tensor

from src.utils.errors import UserError, in_short
from src.utils.seeding import seeded

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
    """The logits of the batch in eval mode, (2, C), of an encoder its states; the model's own mode is as before."""
    training = model.training
    try:
        outputs = model.eval()(**probe_batch(model))
        return outputs.logits if hasattr(outputs, "logits") else outputs.last_hidden_state
    finally:
        model.train(training)


@torch.no_grad()
def require_plain_text(model: Any, tokenizer: Any) -> None:
    """See that a classifier takes a text as training will give it: there are models that want pictures, or a language.

    Raises:
        UserError: with the model's own words, if its forward pass fails.
    """
    held = [
        (module, name, b, b.clone()) for module in model.modules() for name, b in module.named_buffers(recurse=False)
    ]
    training = model.training
    try:
        with seeded(0, "probe"):
            inputs = tokenizer("A short text.", return_tensors="pt")
            model.train()(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
    except Exception as error:  # whatever a model of other people's making wants
        raise UserError(f"{type(model).__name__} cannot be trained on plain text: {in_short(error)}") from error
    finally:
        model.train(training)
        for module, name, buffer, value in held:  # some keep statistics of what they have seen
            module._buffers[name] = buffer.copy_(value)
