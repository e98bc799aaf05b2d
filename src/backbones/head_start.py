"""Whether a classifier's head starts as the checkpoint's or new: by the names of the classes."""

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification

from src.backbones.remote_code import NO_REMOTE_CODE

NEW, KEPT, REORDERED = "new", "checkpoint", "checkpoint, reordered"


@dataclass(frozen=True)
class HeadStart:
    """How a head starts.

    Attributes:
        how: ``new`` (drawn from the seed), ``checkpoint``, or ``checkpoint, reordered`` (its outputs were moved to the
            task's order of the classes).
        why: in words.
    """

    how: str
    why: str


NO_HEAD = HeadStart(NEW, "drawn from the seed; the checkpoint has none")


def class_names(config: Any) -> tuple[str, ...]:
    """A checkpoint's classes in the order of its outputs; empty for a regression."""
    if config.num_labels == 1 and config.problem_type in (None, "regression"):
        return ()
    return tuple(str(config.id2label.get(number)) for number in range(config.num_labels))


def compare_classes(theirs: tuple[str, ...], ours: tuple[str, ...]) -> HeadStart:
    """What is to be done with a head for the classes ``theirs``, where the task has the classes ``ours``.

    Part of it, or a head for other answers under the same number of classes, is no start: it would be another task's.
    """
    if theirs == ours:
        return HeadStart(KEPT, f"it is for what the task asks: {_shown(ours)}")
    if len(set(theirs)) == len(theirs) and sorted(theirs) == sorted(ours):
        return HeadStart(REORDERED, f"its classes are {_shown(theirs)}, the task's {_shown(ours)}")
    return HeadStart(
        NEW, f"drawn from the seed; the checkpoint's is for {_shown(theirs)}, and the task asks {_shown(ours)}"
    )


def _shown(names: tuple[str, ...]) -> str:
    if not names:
        return "a regression"
    return f"{', '.join(names[:5])} ... ({len(names)} classes)" if len(names) > 6 else ", ".join(names)


def output_tensors(config: Any) -> dict[str, int]:
    """The parameters with a slice for each class, and the dimension that counts them.

    Found by building the model's shapes for two numbers of classes: the output layer has as many names as families.
    """
    shapes = []
    for classes in (3, 4):
        config = copy.deepcopy(config)
        config.num_labels = classes
        with torch.device("meta"):
            model: Any = AutoModelForSequenceClassification.from_config(config, **NO_REMOTE_CODE)
        shapes.append({name: parameter.shape for name, parameter in model.named_parameters()})
    three, four = shapes
    return {
        name: next(d for d, (a, b) in enumerate(zip(shape, four[name], strict=True)) if a != b)
        for name, shape in three.items()
        if shape != four[name]
    }


@torch.no_grad()
def reorder_outputs(model: nn.Module, outputs: dict[str, int], theirs: tuple[str, ...], ours: tuple[str, ...]) -> None:
    """Move the slice of each class from its place in ``theirs`` to its place in ``ours``."""
    order = torch.tensor([theirs.index(name) for name in ours])
    for name, dimension in outputs.items():
        parameter = model.get_parameter(name)
        parameter.copy_(parameter.index_select(dimension, order))


def outside_encoder(model: Any) -> frozenset[str]:
    """Names of the parameters of a classifier that are not its encoder's."""
    encoder = model.base_model
    prefix = f"{model.base_model_prefix}." if encoder is not model else ""
    inside = {f"{prefix}{name}" for name, _ in encoder.named_parameters()}
    return frozenset(name for name, _ in model.named_parameters()) - inside


def head_names(model: Any, missing: Collection[str]) -> frozenset[str]:
    """Names of a classifier's head: what stands outside the encoder, and what the checkpoint lacks.

    A model whose encoder is the whole of it (Perceiver) has its output layer for a head.
    """
    names = frozenset(name for name, _ in model.named_parameters())
    outside = outside_encoder(model) or frozenset(output_tensors(model.config))
    return outside | (names & frozenset(missing))
