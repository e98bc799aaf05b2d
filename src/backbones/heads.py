"""One classification head per task on one encoder."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from src.tasks import LabelSpace
from src.utils.errors import UserError


class TaskHeads(nn.Module):
    """The heads of all tasks, in place of a model's one; each row goes through its own task's.

    Args:
        head: the model's head, copied for every task; its last Linear becomes as wide as the task needs.
        tasks: what each task's head answers, by the task's name.
    """

    def __init__(self, head: nn.Module, tasks: Mapping[str, LabelSpace]) -> None:
        super().__init__()
        self.names = tuple(tasks)
        self.widths = [space.outputs for space in tasks.values()]
        self.kinds = [space.kind for space in tasks.values()]
        self.heads = nn.ModuleList(_resized(copy.deepcopy(head), width) for width in self.widths)
        self.rows: list[Tensor] = []  # of the batch at hand, by task

    def forward(self, features: Tensor) -> Tensor:
        """``(n, ...) -> (n, C)`` for n rows of one task with C outputs.

        Rows of several tasks give as many columns as the widest of these has; what a task lacks holds the smallest
        finite number, which no argmax picks.
        """
        present = [task for task, rows in enumerate(self.rows) if len(rows)]
        width = max(self.widths[task] for task in present)
        outputs = None
        for task in present:
            logits = self.heads[task](features[self.rows[task]])
            if outputs is None:
                outputs = logits.new_full((len(features), width), torch.finfo(logits.dtype).min)
            outputs[self.rows[task], : self.widths[task]] = logits
        assert outputs is not None
        return outputs

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over the rows of each one's loss by its own task's kind."""
        total = logits.new_zeros((), dtype=torch.float32)
        for rows, width, kind in zip(self.rows, self.widths, self.kinds, strict=True):
            if len(rows):
                total = total + kind.loss(logits[rows, :width].float(), labels[rows], reduction="sum")
        return total / len(labels)


class MultiTask:
    """Mixed into a sequence classifier's class: its ``forward`` takes the number of each row's task."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        task: Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Logits, and with ``labels`` (n,) the loss; ``task`` (n,), which labels need, is by default the first."""
        if task is None:  # a probe of the encoder that knows of no tasks
            assert labels is None and input_ids is not None
            task = input_ids.new_zeros(len(input_ids))
        heads = next(module for module in self.children() if isinstance(module, TaskHeads))  # type: ignore[attr-defined]
        heads.rows = [(task == number).nonzero()[:, 0] for number in range(len(heads.heads))]
        if token_type_ids is not None:
            kwargs["token_type_ids"] = token_type_ids
        logits = super().forward(input_ids=input_ids, attention_mask=attention_mask, **kwargs).logits  # type: ignore[misc]
        return SequenceClassifierOutput(loss=None if labels is None else heads.loss(logits, labels), logits=logits)


def install_heads(model: Any, tasks: Mapping[str, LabelSpace]) -> frozenset[str]:
    """Put a head for each task in place of the model's; what they draw at random is left to the caller.

    Returns:
        The names of the new heads' parameters.

    Raises:
        UserError: if the model has no head of its own behind its encoder that ends in a Linear.
    """
    encoder = model.base_model
    outputs = [
        name
        for name, child in model.named_children()
        if child is not encoder and any(isinstance(module, nn.Linear) for module in child.modules())
    ]
    if not outputs or encoder is model:
        raise UserError(f"data=mix: {type(model).__name__} has no classification head behind its encoder")
    name = outputs[-1]  # a layer before it, as DistilBERT's, is shared by the tasks
    setattr(model, name, TaskHeads(getattr(model, name), tasks))
    model.__class__ = type(f"MultiTask{type(model).__name__}", (MultiTask, type(model)), {})
    return frozenset(f"{name}.{own}" for own, _ in getattr(model, name).named_parameters())


def _resized(head: nn.Module, width: int) -> nn.Module:
    """The head with its last Linear made anew for ``width`` outputs."""
    *_, (name, last) = ((name, module) for name, module in head.named_modules() if isinstance(module, nn.Linear))
    new = nn.Linear(last.in_features, width, last.bias is not None, last.weight.device, last.weight.dtype)
    if not name:
        return new
    parent, _, attribute = name.rpartition(".")
    setattr(head.get_submodule(parent), attribute, new)
    return head
