"""A model or tokenizer that brings code of its own is refused, never asked about."""

from typing import Any

from transformers import PreTrainedTokenizerBase, dynamic_module_utils
from transformers.utils import find_adapter_config_file

from src.utils.errors import UserError, in_short

# For every call of an Auto class. Left out, transformers asks on the terminal, and `yes |` answers.
NO_REMOTE_CODE: dict[str, Any] = {"trust_remote_code": False}
# tokenizer_config.json may name any class of transformers as the tokenizer's (AutoProcessor, say), which is then called
# without our answer. With no seconds to wait for one, transformers takes it for a no.
dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0


def refuse_adapter(source: str, **where: Any) -> None:
    """Refuse an adapter of the peft library in place of a model.

    transformers would load the model that it names, and build the adapter from a config that may name any module.

    Raises:
        UserError: if the folder or hub id holds one.
    """
    options = {key: value for key, value in where.items() if key != "trust_remote_code"}
    if find_adapter_config_file(source, **options) is not None:
        raise UserError(
            f"the backbone {source} holds an adapter of the peft library (adapter_config.json): give the model it was "
            "trained on; python -m src export --from-peft reads such an adapter"
        )


def why(error: Exception) -> str:
    """Why loading failed; where transformers advises to trust the code, that it is not."""
    text = str(error)
    if "trust_remote_code" in text:
        return "it brings code of its own (auto_map), which is never run"
    if "weights_only" in text:
        return "its weights are a pickle of more than tensors, which may run code: save them as safetensors"
    return in_short(error)


def without_code(source: str, tokenizer: Any, config: Any) -> None:
    """Drop the names of foreign code, so that what is written of a model later does not name it either.

    Raises:
        UserError: if the folder's tokenizer is none.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise UserError(f"the backbone {source} brings a {type(tokenizer).__name__} in place of a tokenizer")
    tokenizer.init_kwargs.pop("auto_map", None)
    for owner in (tokenizer, config):
        vars(owner).pop("auto_map", None)
