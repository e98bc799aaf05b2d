"""Heads of other kinds than a text's classes, on an encoder that a text's classifier holds."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from src.tasks import LabelSpace
from src.utils.errors import UserError


class Encoded(nn.Module):
    """Stands for the encoder in a model that is a head alone: gives what the encoder has computed for some rows."""

    outputs: Any = None
    rows: Tensor

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        chosen = {key: value[self.rows] for key, value in self.outputs.items() if isinstance(value, Tensor)}
        return type(self.outputs)(**chosen)


class KindHead(nn.Module):
    """What transformers' model of a kind does with its encoder's outputs, without an encoder of its own.

    Args:
        config: of the model whose encoder it goes on.
        space: what the head answers.

    Raises:
        UserError: if transformers has no such model on the encoder.
    """

    def __init__(self, config: Any, space: LabelSpace) -> None:
        super().__init__()
        models = space.kind.model_class()
        if type(config) not in models._model_mapping:
            raise UserError(f"transformers has no {space.kind.model_title} of the type {config.model_type}")
        config = copy.deepcopy(config)
        space.configure(config)
        with torch.device("meta"):
            model = models.from_config(config)
        self.encoded = Encoded()
        setattr(model, model.base_model_prefix, self.encoded)
        self.model = model.to_empty(device="cpu")

    def forward(self, outputs: Any, rows: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
        """The logits of some rows.

        Args:
            outputs: the encoder's, of all rows.
            rows: which of them.
            inputs: the model's, of all rows.
        """
        self.encoded.outputs, self.encoded.rows = outputs, rows
        try:
            return self.model(**{name: tensor[rows] for name, tensor in inputs.items()}).logits
        finally:
            self.encoded.outputs = None
