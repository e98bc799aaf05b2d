"""Which methods run in a race: all of our own that keep what was asked of the adapter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.models.sizes import adapter_size

BASELINE = "full"
FIELD = ("lora", "lsr", "svd_lorafa", "hydralora", "vblora", "bitfit", "head")
MEGABYTE = 1e6
BYTES = 4  # of a value in fp32


@dataclass(frozen=True)
class Wishes:
    """What an adapter has to be.

    Attributes:
        mergeable: it folds into the backbone, so that predicting costs what the backbone alone costs.
        adapter_mb: the most that is saved for it, without the head.
        latency: predicting takes no longer than with the backbone alone: as ``mergeable``.
    """

    mergeable: bool = False
    adapter_mb: float | None = None
    latency: bool = False


def field(
    wishes: Wishes, models: Mapping[str, Mapping[str, object]], backbone: Mapping[str, object]
) -> tuple[list[str], list[str]]:
    """The methods that may run, and what is said of those that may not.

    Args:
        wishes: of the adapter.
        models: the ``model`` node of each method, as plain containers, by its name.
        backbone: the ``backbone`` node.

    The head alone, which has no adapter, keeps every wish.
    """
    left, said = [], []
    for name in FIELD:
        reason = _excluded(wishes, models[name], backbone)
        if reason is None:
            left.append(name)
        else:
            said.append(f"{name} is left out: {reason}")
    return left, said


def _excluded(wishes: Wishes, model: Mapping[str, Any], backbone: Mapping[str, Any]) -> str | None:
    from src.models.method import make_method  # needs torch

    if (wishes.mergeable or wishes.latency) and model.get("adapter") and not make_method(model).mergeable:
        return "it cannot be merged into the backbone"
    if wishes.adapter_mb is not None:
        size = adapter_size(model, backbone) * BYTES / MEGABYTE
        if size > wishes.adapter_mb:
            return f"its adapter takes {size:.2f} MB"
    return None
