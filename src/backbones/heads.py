"""One classification head per task on one encoder."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from src.backbones.kind_heads import KindHead
from src.tasks import LabelSpace, TaskKind
from src.tasks.token_classification import IGNORED
from src.utils.errors import UserError

KIND_HEADS = "kind_heads"  # where a model holds the heads of kinds that answer every token


class TaskHeads(nn.Module):
    """The heads of all tasks, in place of a model's one; each row goes through its own task's.

    Args:
        head: the model's head, copied for every task; its last Linear becomes as wide as the task needs.
        tasks: what each task's head answers, by the task's name; a kind that answers every token has a head elsewhere.

    Attributes:
        numbers: of the tasks that have a head here.
    """

    def __init__(self, head: nn.Module, tasks: Mapping[str, LabelSpace]) -> None:
        super().__init__()
        own = {number: space for number, space in enumerate(tasks.values()) if not space.kind.answers_every_token}
        self.numbers = tuple(own)
        self.widths = [space.outputs for space in own.values()]
        self.heads = nn.ModuleList(_resized(copy.deepcopy(head), width) for width in self.widths)
        self.rows: list[Tensor] = []  # of the batch at hand, by task

    def forward(self, features: Tensor) -> Tensor:
        """``(n, width) -> (n, C)`` for n rows of one task with C outputs; ``(n, tokens, width) -> (n, tokens, C)`` too.

        Rows of several tasks give as many columns as the widest of these has; what a task lacks is filled by ``hide``.
        Of no task with a head here there is one column.
        """
        present = [task for task, rows in enumerate(self.rows) if len(rows)]
        width = max((self.widths[task] for task in present), default=1)
        outputs = None
        for task in present:
            logits = self.heads[task](features[self.rows[task]])
            if outputs is None:
                outputs = logits.new_zeros((len(features), *logits.shape[1:-1], width))
            outputs[self.rows[task], ..., : self.widths[task]] = logits
        return features.new_zeros((*features.shape[:-1], 1)) if outputs is None else outputs

    def hide(self, logits: Tensor) -> Tensor:
        """The model's logits ``(n, C)`` with the smallest finite number, which no argmax picks, for what a task lacks.

        Only now: some models take a mean of their head's outputs over the tokens, or pick one token's.
        """
        columns = torch.arange(logits.shape[-1], device=logits.device)
        lacking = torch.ones_like(logits, dtype=torch.bool)
        for rows, width in zip(self.rows, self.widths, strict=True):
            lacking[rows] = columns >= width
        return logits.masked_fill(lacking, torch.finfo(logits.dtype).min)


class MultiTask:
    """Mixed into a sequence classifier's class: its ``forward`` takes the number of each row's task."""

    spaces: tuple[LabelSpace, ...]  # of the tasks by their numbers

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        task: Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Logits, and with ``labels`` the loss, the mean over the rows of each one's by its own task's kind.

        Args:
            labels: (n,), or (n, m) where a task has several a row, filled up; a task reads as many as it has.
            task: (n,), which labels need, is by default the first.
        """
        if task is None:  # a probe of the encoder that knows of no tasks
            assert labels is None and input_ids is not None
            task = input_ids.new_zeros(len(input_ids))
        rows = [(task == number).nonzero()[:, 0] for number in range(len(self.spaces))]
        own = next(module for module in self.children() if isinstance(module, TaskHeads))  # type: ignore[attr-defined]
        own.rows = [rows[number] for number in own.numbers]
        if token_type_ids is not None:
            kwargs["token_type_ids"] = token_type_ids
        outer: list[Any] = []
        hook = self.base_model.register_forward_hook(lambda *call: outer.append(call[-1]))  # type: ignore[attr-defined]
        try:
            flat = super().forward(input_ids=input_ids, attention_mask=attention_mask, **kwargs).logits  # type: ignore[misc]
        finally:
            hook.remove()
        flat = own.hide(flat)
        found = {number: flat[rows[number], : own.widths[place]] for place, number in enumerate(own.numbers)}
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        given = {name: tensor for name, tensor in inputs.items() if tensor is not None}
        for name, head in getattr(self, KIND_HEADS, {}).items():
            if len(rows[int(name)]):
                found[int(name)] = head(outer[0], rows[int(name)], given)
        found = {number: logits for number, logits in found.items() if len(rows[number])}
        loss = None if labels is None else mean_loss(found, rows, labels, [space.kind for space in self.spaces])
        return SequenceClassifierOutput(loss=loss, logits=_together(found, rows, flat))


def mean_loss(
    logits: Mapping[int, Tensor], rows: Sequence[Tensor], labels: Tensor, kinds: Sequence[TaskKind]
) -> Tensor:
    """The mean over all rows of each one's loss by its own task's kind.

    Args:
        logits: of the tasks that have rows, by their numbers.
        rows: which are of each task.
        labels: (n,), or (n, m) filled up.
        kinds: of the tasks.
    """
    total = labels.new_zeros((), dtype=torch.float32)
    for number in sorted(logits):
        kind = kinds[number]
        given = _as_long(labels[rows[number]], logits[number], kind)
        total = total + kind.summed_loss(logits[number].float(), given)
    return total / len(labels)


def _as_long(labels: Tensor, logits: Tensor, kind: TaskKind) -> Tensor:
    """The labels of rows of one task, as many as the task has."""
    if kind.answers_every_token:
        size = logits.shape[1]
        return F.pad(labels[:, :size], (0, max(0, size - labels.shape[1])), value=IGNORED)
    if labels.ndim == 1:
        return labels
    return labels[:, : logits.shape[-1]] if kind.several_labels else labels[:, 0]


def _together(found: Mapping[int, Tensor], rows: Sequence[Tensor], flat: Tensor) -> Tensor:
    """All rows' logits: those of one task as they are; else filled up to the longest with the smallest number."""
    if len(found) == 1:
        return next(iter(found.values()))
    if all(logits.ndim == 2 for logits in found.values()):
        return flat
    tokens = max(logits.shape[1] for logits in found.values() if logits.ndim == 3)
    width = max(logits.shape[-1] for logits in found.values())
    whole = flat.new_full((len(flat), tokens, width), torch.finfo(flat.dtype).min)
    for number, logits in found.items():
        three = logits if logits.ndim == 3 else logits[:, None]
        whole[rows[number], : three.shape[1], : three.shape[2]] = three.to(whole.dtype)
    return whole


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
    others = {str(n): space for n, space in enumerate(tasks.values()) if space.kind.answers_every_token}
    setattr(model, name, TaskHeads(getattr(model, name), tasks))
    if others:
        setattr(model, KIND_HEADS, nn.ModuleDict({n: KindHead(model.config, own) for n, own in others.items()}))
    model.__class__ = type(f"MultiTask{type(model).__name__}", (MultiTask, type(model)), {})
    model.spaces = tuple(tasks.values())
    holders = [name, KIND_HEADS] if others else [name]
    return frozenset(f"{own}.{parameter}" for own in holders for parameter, _ in getattr(model, own).named_parameters())


def _resized(head: nn.Module, width: int) -> nn.Module:
    """The head with its last Linear made anew for ``width`` outputs."""
    *_, (name, last) = ((name, module) for name, module in head.named_modules() if isinstance(module, nn.Linear))
    new = nn.Linear(last.in_features, width, last.bias is not None, last.weight.device, last.weight.dtype)
    if not name:
        return new
    parent, _, attribute = name.rpartition(".")
    setattr(head.get_submodule(parent), attribute, new)
    return head
