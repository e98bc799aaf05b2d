"""What a tokenizer has to know of its model: how many positions there are, and how rows are padded."""

import logging
from typing import Any

from torch import nn

from src.errors import UserError

log = logging.getLogger(__name__)

PADDING = ("[PAD]", "<pad>", "<PAD>", "<|pad|>", "<|padding|>")
LENGTHS = ("max_position_embeddings", "n_positions", "max_sequence_length")  # as configs name it


def fit_tokenizer(tokenizer: Any, model: Any, source: str) -> None:
    """Let a tokenizer cut at the model's last position, and pad; both are changed in place where they say nothing.

    Raises:
        UserError: if the tokenizer has no padding token and its vocabulary none that could serve.
    """
    if (most := positions(model)) is not None:
        tokenizer.model_max_length = min(tokenizer.model_max_length, most)
    if tokenizer.pad_token is None:
        vocabulary = tokenizer.get_vocab()
        found = next((token for token in PADDING if token in vocabulary), tokenizer.eos_token)
        if found is None:
            raise UserError(
                f"the tokenizer of {source} has no padding token, and its vocabulary none of {', '.join(PADDING)}"
                " and no end-of-text token: set pad_token in its tokenizer_config.json"
            )
        tokenizer.pad_token = found
        log.info("the tokenizer of %s names no padding token: %s is taken", source, found)
    for config in (model.config, model.config.get_text_config()):
        if getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = tokenizer.pad_token_id


def positions(model: Any) -> int | None:
    """Tokens that a model has positions for; None where nothing bounds them.

    RoBERTa and its kin number positions from their padding index on, so their table holds that many more than tokens.
    """
    config = model.config.get_text_config()
    stated = [value for key in LENGTHS if isinstance(value := getattr(config, key, None), int) and value > 0]
    tables = [
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and name.rpartition(".")[2] == "position_embeddings"
    ]
    return min(stated + tables, default=None)
