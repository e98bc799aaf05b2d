"""Models of kinds of task whose rows are several inputs: all go through the model at once, then become one answer."""

from typing import Any

from torch import Tensor
from transformers.modeling_outputs import SequenceClassifierOutput

from src.tasks import TaskKind


class SideBySide:
    """Mixed into a model's class: its ``forward`` takes rows of several inputs; one a row is the model's own business.

    ====================  =========================================================
    input_ids, ...        (n, inputs, tokens), an input that is not there masked
    of the model          (m, outputs) for the m inputs that are there
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
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        given = {name: tensor for name, tensor in inputs.items() if tensor is not None}
        own: Any = super()
        if input_ids is None or input_ids.ndim < 3:
            return own.forward(**given, **({} if labels is None else {"labels": labels}), **kwargs)
        assert attention_mask is not None  # says which inputs are there
        present = attention_mask.any(-1)
        flat = {name: tensor[present] for name, tensor in given.items()}
        logits = self.task_kind.combined(own.forward(**flat, **kwargs).logits.float(), present)
        loss = None if labels is None else self.task_kind.loss(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def take_several_inputs(model: Any, kind: TaskKind) -> None:
    """Have a model take rows of several inputs. Its class keeps its name, by which transformers saves and opens it."""
    own = type(model)
    model.__class__ = type(own.__name__, (SideBySide, own), {"__module__": own.__module__})
    model.task_kind = kind
