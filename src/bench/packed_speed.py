"""The cost of a step of many jobs: packed over one backbone, one after the other, and as parallel processes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from src.bench.processes import seconds_per_round
from src.bench.steps import Settings
from src.bench.timed_models import Arm, classifier, loss, model_node, random_backbone
from src.bench.timing import interleaved
from src.packed.layers import PackedModel, Tenant, share_frozen

PADDING = {"input_ids": 1, "attention_mask": 0}


def measure_packed(settings: Settings, counts: Sequence[int]) -> list[dict[str, Any]]:
    """For each number of jobs of each method: a step of all of them together over a step of each in turn.

    For the largest number also over as many processes that train side by side, measured right after.
    """
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
                together = _Together(arms[:count], tenants[:count])
                calls: dict[str, Callable[[], Any]] = {
                    "packed": together.step,
                    "one by one": partial(_in_turn, arms[:count]),
                }
                timings = interleaved(calls, "one by one", settings.rounds)
                packed = timings["packed"]
                side_by_side = seconds_per_round(node, backbone, settings, count) if count == max(counts) else None
                rows.append({
                    "arm": method, "targets": settings.targets, "jobs": count, **packed.fields(),
                    "one_by_one_ms": timings["one by one"].ms, "speedup": 1 / packed.ratio,
                    "over_processes": side_by_side and 1000 * side_by_side / packed.ms,
                    "tokens_per_s": count * settings.shape.tokens / packed.ms * 1000,
                })  # fmt: skip
    return rows


def _in_turn(arms: Sequence[Arm]) -> None:
    for arm in arms:
        arm.step()


class _Together:
    """One forward and backward for all, then each job's own optimizer, as in ``src.packed.pack``."""

    def __init__(self, arms: Sequence[Arm], tenants: Sequence[Tenant]) -> None:
        self.arms, self.tenants = arms, tenants
        self.model = PackedModel(tenants, PADDING)

    def step(self) -> None:
        first = self.arms[0]
        with first.autocast():
            logits = self.model.logits(dict.fromkeys(self.tenants, first.inputs), training=True)
        torch.autograd.backward([loss(own) for own in logits.values()])
        for arm in self.arms:
            assert arm.optimizer is not None
            arm.optimizer.step()
            arm.optimizer.zero_grad()
