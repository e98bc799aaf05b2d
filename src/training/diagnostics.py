"""What adapters say about their own state, on a fixed batch."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from src.models.adapter import AdapterLinear
from src.models.inject import adapters


@torch.no_grad()
def diagnose(model: nn.Module, batch: Mapping[str, Any]) -> dict[str, float]:
    """Every adapter's ``diagnostics`` on the inputs that the batch gives it (padding left out), averaged over layers.

    Empty for methods that have none, without a forward pass.
    """
    talking = [a for _, a in adapters(model) if type(a).diagnostics is not AdapterLinear.diagnostics]
    if not talking:
        return {}
    device = next(model.parameters()).device
    inputs = {name: value.to(device) for name, value in batch.items() if isinstance(value, torch.Tensor)}
    keep = inputs["attention_mask"].bool()
    numbers: dict[str, list[float]] = defaultdict(list)

    def listen(adapter: AdapterLinear, args: tuple[torch.Tensor, ...]) -> None:
        x = args[0]
        tokens = x[keep] if x.shape[:-1] == keep.shape else x.flatten(0, -2)
        for name, value in adapter.diagnostics(tokens).items():
            numbers[name].append(value)

    hooks = [adapter.register_forward_pre_hook(listen) for adapter in talking]
    training = model.training
    try:
        model.eval()
        model(**inputs)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return {name: sum(values) / len(values) for name, values in numbers.items()}
