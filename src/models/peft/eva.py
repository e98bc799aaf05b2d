"""EVA's start: each layer's A is made of the main directions of its inputs on the training text."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

START = "eva"  # its name in peft.LoraConfig


def eva_options() -> dict[str, object]:
    """The config's options besides: every layer keeps its rank, so that the size is known before the text is read."""
    from peft import EvaConfig

    return {"eva_config": EvaConfig(rho=1.0)}


def start_on_text(handle: nn.Module, batches: Iterable[Mapping[str, Tensor]]) -> None:
    """Let the library work out the start, on batches of training rows; no label is read.

    Args:
        handle: the library's model.
        batches: tokenised texts; it stops early once the directions no longer change.
    """
    from peft import initialize_lora_eva_weights

    training = handle.training
    with torch.no_grad():
        initialize_lora_eva_weights(
            handle.eval(), [dict(batch) for batch in batches],
            prepare_model_inputs_fn=lambda inputs, config: inputs["attention_mask"].bool(),
            prepare_layer_inputs_fn=_without_padding, show_progress_bar=False,
        )  # fmt: skip
    handle.train(training)


def _without_padding(layer_input: Any, mask: Tensor, layer_name: str) -> Tensor:
    """``(n, tokens, in) -> (all, in)``; a last layer that is computed for the first token has that alone."""
    x = layer_input[0] if isinstance(layer_input, tuple) else layer_input
    return x[mask[:, : x.shape[1]]]
