"""``target_modules: auto`` in a method's node, as the backbone at hand has it."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from src.backbones.attention_targets import attention_targets, note_on
from src.utils.plain import branch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

AUTO = "auto"
KEY = "target_modules"


def with_targets(
    model_cfg: Mapping[str, object], model: "PreTrainedModel", *, tell: bool = False
) -> Mapping[str, object]:
    """A ``model`` node whose method names the targets that it is to adapt.

    Args:
        model_cfg: the node as plain containers.
        model: the classifier that is to be adapted, or its shapes.
        tell: log what is worth knowing of the architecture's targets.

    Raises:
        UserError: if the targets are ``auto``, and the architecture is not known or has none.
    """
    adapter = branch(model_cfg, "adapter")
    if adapter.get(KEY) != AUTO:
        return model_cfg
    if tell and (note := note_on(model)):
        log.info("%s: %s", model.config.model_type, note)
    return {**model_cfg, "adapter": {**adapter, KEY: attention_targets(model.config.model_type, model.base_model)}}
