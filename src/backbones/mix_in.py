"""What a kind of task adds to the class of one model."""

from typing import Any

from torch import Tensor

from src.tasks import TaskKind


def mix_in(model: Any, own: type, kind: TaskKind) -> None:
    """Put a class in front of the model's, whose name stays: transformers saves and opens it by that.

    Args:
        model: changed in place; its ``task_kind`` is the kind.
        own: the class, whose ``forward`` calls the model's by ``super()``.
        kind: of the task.
    """
    theirs = type(model)
    model.__class__ = type(theirs.__name__, (own, theirs), {"__module__": theirs.__module__})
    model.task_kind = kind


def given(input_ids: Tensor | None, attention_mask: Tensor | None, token_type_ids: Tensor | None) -> dict[str, Tensor]:
    """The inputs that are there, by the names that every model gives them; a Trainer reads these off ``forward``."""
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
    return {name: tensor for name, tensor in inputs.items() if tensor is not None}
