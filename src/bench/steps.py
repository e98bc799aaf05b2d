"""Step time, bytes kept for backward, peak memory and inference latency of every arm."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from src.bench.timed_models import FLOOR, PLAIN_FLOOR, Arm, Shape, classifier, floor, model_node, random_backbone
from src.bench.timing import interleaved
from src.models.inject import adapters, merge_all
from src.training.peak_memory import peak, reset_peak, saved_for_backward
from src.utils.errors import UserError


@dataclass(frozen=True)
class Settings:
    """What is measured, and how often."""

    shape: Shape
    targets: str
    methods: Sequence[str]
    rounds: int
    device: str
    dtype: torch.dtype | None = None
    overrides: Sequence[str] = ()


def measure_steps(settings: Settings, plain_floor: bool = False) -> list[dict[str, Any]]:
    """One row for each arm, the floor first; with ``plain_floor`` also what it would be without fast paths."""
    inputs = settings.shape.inputs(settings.device)
    names = [FLOOR, *[PLAIN_FLOOR] * plain_floor, *settings.methods]
    with random_backbone(settings.shape) as backbone:
        models = {name: _model(name, settings, backbone) for name in names}
        arms = {name: Arm(model.to(settings.device), inputs, settings.dtype) for name, model in models.items()}
        saved = {name: saved_for_backward(arm.model.train(), arm.loss) for name, arm in arms.items()}
        timings = interleaved({name: arm.step for name, arm in arms.items()}, FLOOR, settings.rounds)
    return [
        {"arm": name, "targets": settings.targets, **timings[name].fields(),
         "tokens_per_s": settings.shape.tokens / timings[name].ms * 1000,
         "saved_mb": saved[name] / 2**20, "saved_ratio": saved[name] / saved[FLOOR],
         "trained": sum(p.numel() for p in arm.trained)}
        for name, arm in arms.items()
    ]  # fmt: skip


def measure_latency(settings: Settings) -> list[dict[str, Any]]:
    """Inference of each arm, and of its merged model where it can be merged, over the backbone's own."""
    inputs = settings.shape.inputs(settings.device)
    calls: dict[str, Callable[[], Any]] = {}
    with random_backbone(settings.shape) as backbone:
        for method in settings.methods:
            model = _model(method, settings, backbone).to(settings.device)
            calls[method] = Arm(model, inputs, settings.dtype).infer
            own = [adapter for _, adapter in adapters(model)]
            if own and all(adapter.mergeable for adapter in own):
                merged = _model(method, settings, backbone).to(settings.device)
                merge_all(merged)
                calls[f"{method}, merged"] = Arm(merged, inputs, settings.dtype).infer
        calls[FLOOR] = Arm(_model("head", settings, backbone).to(settings.device), inputs, settings.dtype).infer
        timings = interleaved(calls, FLOOR, settings.rounds)
    return [{"arm": name, "targets": settings.targets, **timings[name].fields()} for name in calls]


def measure_memory(settings: Settings) -> list[dict[str, Any]]:
    """Peak memory of a process that trains one arm alone, in MiB."""
    rows = []
    for method in [FLOOR, *settings.methods]:
        task = {"shape": asdict(settings.shape), "targets": settings.targets, "method": method,
                "device": settings.device, "dtype": str(settings.dtype or "").removeprefix("torch.")}  # fmt: skip
        command = [sys.executable, "-m", "src.bench.steps", json.dumps(task)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"the process that measures the memory of {method} failed: {done.stderr[-500:]}")
        rows.append({"arm": method, "targets": settings.targets, **json.loads(done.stdout.splitlines()[-1])})
    return rows


def _model(arm: str, settings: Settings, backbone: dict[str, Any]) -> nn.Module:
    """The model of a floor or a method."""
    if arm in (FLOOR, PLAIN_FLOOR):
        return floor(backbone, settings.targets, plain=arm == PLAIN_FLOOR)
    return classifier(model_node(arm, settings.targets, settings.overrides), backbone).model


def _alone(task: dict[str, Any]) -> dict[str, float | None]:
    """Peak over three steps, in this process."""
    dtype = getattr(torch, task["dtype"]) if task["dtype"] else None
    settings = Settings(Shape(**task["shape"]), task["targets"], [], 0, task["device"], dtype)
    with random_backbone(settings.shape) as backbone:
        model = _model(task["method"], settings, backbone)
        arm = Arm(model.to(settings.device), settings.shape.inputs(settings.device), dtype)
        reset_peak()
        for _ in range(3):
            arm.step()
    return peak()


if __name__ == "__main__":
    print(json.dumps(_alone(json.loads(sys.argv[1]))))
