"""Models of kinds of task whose rows are several inputs: all go through the model at once, then become one answer."""

from typing import Any

from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from src.backbones.mix_in import given, mix_in
from src.tasks import TaskKind


class SideBySide:
    """Mixed into a model's class: its ``forward`` takes rows of several inputs; one a row is the model's own business.

    ====================  =========================================================
    input_ids, ...        (n, inputs, tokens), an input that is not there masked
    of the model          (m, outputs) or (m, tokens, width) for the m inputs that are there
    logits                what the kind makes of them, see ``TaskKind.combined``
    ====================  =========================================================
    """

    task_kind: TaskKind

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """Logits, and with ``labels`` the kind's loss."""
        inputs = given(input_ids, attention_mask, token_type_ids)
        own: Any = super()
        if input_ids is None or input_ids.ndim < 3:
            return own.forward(**inputs, **({} if labels is None else {"labels": labels}), **kwargs)
        assert attention_mask is not None  # says which inputs are there
        present = attention_mask.any(-1)
        flat = {name: tensor[present] for name, tensor in inputs.items()}
        outputs = own.forward(**flat, **kwargs).logits.float()
        logits = self.task_kind.combined(outputs, present, flat["attention_mask"])
        loss = None if labels is None else self.task_kind.loss(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def take_several_inputs(model: Any, kind: TaskKind) -> None:
    """Have a model take rows of several inputs; a headless kind takes out what stands behind its encoder."""
    if kind.headless:
        for name in [name for name, child in model.named_children() if child is not model.base_model]:
            setattr(model, name, nn.Identity())
    mix_in(model, SideBySide, kind)
