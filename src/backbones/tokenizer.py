"""What a tokenizer has to know of its model: how many positions there are, and how rows are padded."""

import logging
import math
from typing import Any

from torch import Tensor

from src.utils.errors import UserError

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
    vocabulary, size = tokenizer.get_vocab(), _embedded(model)
    # A token that was added without widening the model has no embedding: the first padded batch would fail.
    choices = (tokenizer.pad_token, *PADDING, tokenizer.eos_token)
    found = next((token for token in choices if token is not None and 0 <= vocabulary.get(token, -1) < size), None)
    if found is None:
        raise UserError(
            f"the tokenizer of {source} has no padding token, and its vocabulary none of {', '.join(PADDING)}"
            " and no end-of-text token: set pad_token in its tokenizer_config.json"
        )
    if tokenizer.pad_token != found:
        tokenizer.pad_token = found
        log.info("the tokenizer of %s names no padding token that the model knows: %s is taken", source, found)
    for config in (model.config, model.config.get_text_config()):
        if getattr(config, "pad_token_id", None) != tokenizer.pad_token_id:  # decoders find a row's end by it
            config.pad_token_id = tokenizer.pad_token_id


def _embedded(model: Any) -> float:
    """Tokens that the model has embeddings for."""
    try:
        return len(model.get_input_embeddings().weight)
    except (NotImplementedError, AttributeError):  # CANINE hashes characters
        return math.inf


def positions(model: Any) -> int | None:
    """Tokens that a model has positions for; None where nothing bounds them.

    RoBERTa and its kin number positions from their padding index on, so their table holds that many more than tokens.
    """
    config = model.config.get_text_config()
    stated = [value for key in LENGTHS if isinstance(value := getattr(config, key, None), int) and value > 0]
    tables = [
        len(weight) - (0 if (pad := getattr(module, "padding_idx", None)) is None else pad + 1)
        for name, module in model.named_modules()
        if name.rpartition(".")[2] == "position_embeddings"
        and isinstance(weight := getattr(module, "weight", None), Tensor)  # I-BERT's is no nn.Embedding
    ]
    if not tables and getattr(config, "relative_attention", False):
        return None  # DeBERTa-v3: the config's number bounds distances, not texts
    return min(stated + tables, default=None)
