"""Models of kinds of task whose loss is not the one that transformers' class for their head computes."""

from typing import Any

from torch import Tensor

from src.backbones.mix_in import given, mix_in
from src.tasks import TaskKind


class OwnLoss:
    """Mixed into a model's class: of ``labels`` its ``forward`` computes the kind's loss, see ``TaskKind.loss``."""

    task_kind: TaskKind

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """The model's outputs, and with ``labels`` the loss."""
        own: Any = super()
        outputs = own.forward(**given(input_ids, attention_mask, token_type_ids), **kwargs)
        if labels is not None:
            outputs["loss"] = self.task_kind.loss(outputs.logits, labels)
        return outputs


def take_own_loss(model: Any, kind: TaskKind) -> None:
    """Have a model compute the loss of a kind."""
    mix_in(model, OwnLoss, kind)
