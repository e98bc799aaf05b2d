"""A classifier's head at step 0, the checkpoint's or new: by the names of the classes."""

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from src.backbones.remote_code import NO_REMOTE_CODE
from src.tasks import LabelSpace, TaskKind

NEW, KEPT, REORDERED = "new", "checkpoint", "checkpoint, reordered"


@dataclass(frozen=True)
class HeadInit:
    """How a head is initialised.

    Attributes:
        how: ``new`` (drawn from the seed), ``checkpoint``, or ``checkpoint, reordered`` (its outputs were moved to the
            task's order of the classes).
        why: in words.
    """

    how: str
    why: str


NO_HEAD = HeadInit(NEW, "drawn from the seed; the checkpoint has none")


def compare_spaces(theirs: LabelSpace | None, ours: LabelSpace) -> HeadInit:
    """What is to be done with a checkpoint's head, where the task asks for ``ours``.

    Part of it, or a head for other answers under the same number of classes, is no init: it would be another task's.
    """
    if theirs == ours:
        return HeadInit(KEPT, f"it is for what the task asks: {ours.described()}")
    there = "something else" if theirs is None else theirs.described()
    if theirs is not None and theirs.is_permutation_of(ours):
        return HeadInit(REORDERED, f"its classes are {there}, the task's {ours.described()}")
    return HeadInit(NEW, f"drawn from the seed; the checkpoint's is for {there}, and the task asks {ours.described()}")


def output_tensors(config: Any, kind: TaskKind) -> dict[str, int]:
    """The parameters with a slice for each class, and the dimension that counts them.

    Found by building the model's shapes for two numbers of classes: the output layer has as many names as families.
    """
    shapes = []
    for classes in (3, 4):
        config = copy.deepcopy(config)
        config.num_labels = classes
        with torch.device("meta"):
            model: Any = kind.model_class().from_config(config, **NO_REMOTE_CODE)
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


def head_names(model: Any, missing: Collection[str], kind: TaskKind) -> frozenset[str]:
    """Names of a classifier's head: what stands outside the encoder, and what the checkpoint lacks.

    A model whose encoder is the whole of it (Perceiver) has its output layer for a head; one without a head has none.
    """
    names = frozenset(name for name, _ in model.named_parameters())
    outside = outside_encoder(model) or frozenset(output_tensors(model.config, kind))
    return names & (outside | frozenset(missing))
