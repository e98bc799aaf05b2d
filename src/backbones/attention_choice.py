"""Which implementation of attention an encoder is loaded with."""

import logging
from typing import Any

import torch

from src.backbones.remote_code import NO_REMOTE_CODE
from src.tasks import TaskKind
from src.utils.errors import UserError

log = logging.getLogger(__name__)

FALLBACK = {"sdpa": "eager"}  # what is meant is the usual one; a kernel that was asked for by name is not replaced
CHOICES = ("sdpa", "eager", "flash_attention_2")


def usable_attention(config: Any, wanted: str, kind: TaskKind) -> str:
    """The implementation that was asked for; where an encoder has no sdpa, what it has.

    Raises:
        UserError: if the model, or this machine, has not what was asked for; the message lists what there is.
    """
    reason = _refusal(config, wanted, kind)
    if reason is None:
        return wanted
    other = FALLBACK.get(wanted)
    if other is not None and _refusal(config, other, kind) is None:
        log.info("%s has no %s attention: computed as %s", config.model_type, wanted, other)
        return other
    choices = [name for name in CHOICES if name != wanted and _refusal(config, name, kind) is None]
    if not choices:  # it is not the attention that is wrong
        raise UserError(f"the model {config.model_type} cannot be built from its config: {reason}")
    raise UserError(
        f"backbone.attention={wanted} cannot be had for {config.model_type} here: {reason}. "
        f"Choices: {', '.join(choices)}"
    )


def _refusal(config: Any, attention: str, kind: TaskKind) -> str | None:
    """Why the model's shapes cannot be built with it; None if they can."""
    try:
        with torch.device("meta"):
            kind.model_class().from_config(config, attn_implementation=attention, **NO_REMOTE_CODE)
    except Exception as error:  # whatever a config's odd values lead to
        return str(error).partition("\n")[0].partition(". ")[0][:200].rstrip(".") or type(error).__name__
    return None
