"""A kind of task on an architecture: built, refused, or skipped with the reason."""

from pathlib import Path

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES

from src.backbones.backbone import load_backbone
from src.models.classifier import Classifier, build_classifier
from src.utils.errors import UserError
from tests.backbones import zoo


def built_on(architecture: str, kind: str, folder: Path, adapter: dict, of_tokens: bool) -> Classifier | None:
    """LoRA on a tiny random model; None where transformers has no such model, which is said.

    Args:
        architecture: of the zoo.
        kind: of task, that has no classes.
        folder: where the model is saved.
        adapter: LoRA's node.
        of_tokens: whether the kind's model is transformers' token classifier.
    """
    backbone = {"name": architecture, "path": zoo.build(architecture, folder)}
    if of_tokens and architecture not in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES:
        with pytest.raises(UserError, match="transformers has no token classifier"):
            load_backbone(backbone, label_names=(), kind=kind, seed=0)
        return None
    model = {"name": "roberta_lora", "adapter": adapter}
    try:
        return build_classifier(model, backbone, kind=kind, seed=0)
    except UserError as error:
        with pytest.raises(UserError):  # the architecture, or the method on it
            build_classifier(model, backbone, label_names=("a", "b"), seed=0)
        pytest.skip(f"refused as a classifier is: {str(error)[:80]}")
