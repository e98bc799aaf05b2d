"""The last layer, computed only for the token that the head reads."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from src.backbones.cache_argument import given_cache

# Their heads read the first token alone, and their attention is BertAttention, word for word.
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra")


class FirstTokenAttention(nn.Module):
    """Mixed into the class of a last layer's attention block: (n, tokens, width) -> (n, 1, width).

    Only the first token asks; all tokens answer, so its output is what it was. The feed-forward network that follows
    gets one token, too: of a 6-layer encoder's products a seventh is left out, forward and backward.
    """

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor | None]:
        mask = attention_mask
        of_queries = isinstance(mask, Tensor) and mask.dim() == 4  # flash and flex attention have others
        if args or given_cache(kwargs) is not None or not (mask is None or of_queries):
            return super().forward(hidden_states, mask, *args, **kwargs)
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        own: Any = self.self
        project: Any = self.output
        first = hidden_states[:, :1]
        query, key, value = own.query(first), own.key(hidden_states), own.value(hidden_states)
        output, weights = ALL_ATTENTION_FUNCTIONS.get_interface(own.config._attn_implementation, None)(
            own,
            *(x.unflatten(-1, (-1, own.attention_head_size)).transpose(1, 2) for x in (query, key, value)),
            None if mask is None else mask[:, :, :1],
            dropout=own.dropout.p if self.training else 0.0,
            scaling=own.scaling,
            **kwargs,
        )
        return project(output.flatten(2), first), weights


def use_first_token(model: PreTrainedModel) -> Callable[[], None] | None:
    """Have the model's last layer compute only what its head reads, where that is known to be the first token.

    ``encoder(...)`` then returns the last layer's first token alone; logits and their gradients stay as they were.

    Returns:
        What undoes it; None where nothing was done.
    """
    config: Any = model.config
    known = config.model_type in FAMILIES and config._attn_implementation != "eager"
    if not known or config.is_decoder or config.chunk_size_feed_forward:
        return None
    encoder: Any = model.base_model
    attention = encoder.encoder.layer[-1].attention
    plain = type(attention)
    attention.__class__ = type(f"FirstToken{plain.__name__}", (FirstTokenAttention, plain), {})

    def undo() -> None:
        attention.__class__ = plain

    return undo
