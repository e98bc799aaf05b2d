"""Attention whose dropout draws the cheaper mask on a CPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from src.backbones.fast_paths.dropout import applies, drop

NAME = "sdpa_cheaper_dropout"
_OTHER_KINDS = ("is_causal", "position_bias", "cache", "softcap")


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """``drop(softmax(scaling * query key^T + mask)) value``, an attention function of transformers.

    With dropout, PyTorch's scaled_dot_product_attention has no fused kernel for a CPU: it too writes the scores down,
    and draws a number for every one of them. Whatever is not an encoder's plain attention in training on a CPU goes
    to transformers' ``sdpa``.

    Args:
        query, key, value: (batch, heads, tokens, head_dim); query may have fewer tokens.
        attention_mask: (batch, 1, tokens, tokens) or broadcastable; False, or a large negative number to add, where a
            token is not looked at.

    Returns:
        (batch, tokens, heads, head_dim), and no weights.
    """
    plain = getattr(module, "is_causal", True) is False and query.shape[1] == key.shape[1]
    plain = plain and all(kwargs.get(kind) is None for kind in _OTHER_KINDS)
    if plain and applies(query, dropout):
        return _attend(query, key, value, attention_mask, scaling, dropout), None
    output, weights = sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **kwargs)
    if plain and _pairs is not None:
        _pairs.append((_attend(query, key, value, attention_mask, scaling, 0.0), output))
    return output, weights


def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None, dropout: float
) -> Tensor:
    scores = (query * (query.shape[-1] ** -0.5 if scaling is None else scaling)) @ key.transpose(-1, -2)
    if mask is not None:
        scores.add_(_bias(mask, scores.dtype))
    weights = scores.softmax(-1)
    return ((drop(weights, dropout) if dropout else weights) @ value).transpose(1, 2).contiguous()


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)


_pairs: list[tuple[Tensor, Tensor]] | None = None  # while calls are compared: our output and the library's


@contextmanager
def compared() -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Within the block a call that could be ours, but for a dropout of 0, is computed both ways; gives the outputs."""
    global _pairs
    found: list[tuple[Tensor, Tensor]] = []
    _pairs = found
    try:
        yield found
    finally:
        _pairs = None


def use_cheaper_attention(model: PreTrainedModel) -> Callable[[], None] | None:
    """Have the model attend through ``attention``, if it would through transformers' ``sdpa``.

    Returns:
        What undoes it; None where nothing was done.
    """
    if model.config._attn_implementation != "sdpa":
        return None
    model.set_attn_implementation(NAME)
    return lambda: model.set_attn_implementation("sdpa")
