"""The cost of a step of many jobs: packed over one backbone, and one after the other."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from src.bench.arms import Arm, classifier, model_node, random_backbone
from src.bench.steps import Settings
from src.bench.timing import interleaved
from src.packed.layers import PackedModel, Tenant, share_frozen

PADDING = {"input_ids": 1, "attention_mask": 0}


def measure_packed(settings: Settings, counts: Sequence[int]) -> list[dict[str, Any]]:
    """For each number of jobs of each method: a step of all of them together over a step of each in turn."""
    rows = []
    inputs = settings.shape.inputs(settings.device)
    with random_backbone(settings.shape) as backbone:
        for method in settings.methods:
            node = model_node(method, settings.targets, settings.overrides)
            built = [classifier(node, backbone, seed) for seed in range(max(counts))]
            for other in built[1:]:
                share_frozen(other.model, built[0].model, other.backbone.head)
            arms = [Arm(own.model.to(settings.device), inputs, settings.dtype) for own in built]
            tenants = [Tenant(own.model, own.backbone.head) for own in built]
            for count in counts:
                together = _Together(arms[:count], tenants[:count], settings.dtype)
                calls: dict[str, Callable[[], Any]] = {
                    "packed": together.step,
                    "one by one": partial(_in_turn, arms[:count]),
                }
                timings = interleaved(calls, "one by one", settings.rounds)
                packed = timings["packed"]
                rows.append({
                    "arm": method, "targets": settings.targets, "jobs": count, **packed.fields(),
                    "one_by_one_ms": timings["one by one"].ms, "speedup": 1 / packed.ratio,
                    "tokens_per_s": count * settings.shape.tokens / packed.ms * 1000,
                })  # fmt: skip
    return rows


def _in_turn(arms: Sequence[Arm]) -> None:
    for arm in arms:
        arm.step()


class _Together:
    """One forward and backward for all, then each job's own optimizer, as in ``src.packed.pack``."""

    def __init__(self, arms: Sequence[Arm], tenants: Sequence[Tenant], dtype: torch.dtype | None) -> None:
        self.arms, self.tenants, self.dtype = arms, tenants, dtype
        self.model = PackedModel(tenants, PADDING)

    def step(self) -> None:
        inputs = self.arms[0].inputs
        device = inputs["input_ids"].device.type
        with torch.autocast(device, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None):
            logits = self.model.logits(dict.fromkeys(self.tenants, inputs), training=True)
        labels = torch.arange(len(inputs["input_ids"]), device=device) % 2
        losses = [F.cross_entropy(own.float(), labels) for own in logits.values()]
        torch.autograd.backward(losses)
        for arm in self.arms:
            assert arm.optimizer is not None
            arm.optimizer.step()
            arm.optimizer.zero_grad()
