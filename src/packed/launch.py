"""``hydra/launcher=packed``: which jobs of a sweep are trained together, and in what process."""

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.packed.limits import Limits
from src.packed.pack_outcome import PackOutcome
from src.sweep.compose import task_config
from src.sweep.pool import Pool
from src.sweep.sweep_job import Outcome
from src.tasks.kinds import stated_kind

log = logging.getLogger(__name__)

# What jobs of one pack have in common besides backbone and data.
SHARED = (
    "precision", "selection", "num_train_epochs", "max_steps", "per_device_train_batch_size",
    "per_device_eval_batch_size", "gradient_accumulation_steps", "use_cpu",
)  # fmt: skip
# Settings of the Trainer that reach into the model, and would have to reach into the shared one.
ALONE = (
    "gradient_checkpointing", "torch_compile", "label_smoothing_factor", "neftune_noise_alpha", "auto_find_batch_size",
    "use_liger_kernel", "deepspeed", "fsdp", "full_determinism", "profile",
    "class_weights",
)  # fmt: skip


@dataclass(frozen=True)
class PackTask:
    """What a worker process is given: jobs that it may train together."""

    configs: list[DictConfig]
    limits: Limits

    def run(self) -> PackOutcome:
        from src.packed.jobs import run_pack  # needs torch

        return run_pack(self.configs, self.limits)


def launch_packed(configs: Sequence[DictConfig], limits: Limits, pool: Pool, fail_fast: bool) -> list[Outcome | None]:
    """Run every job, together with others where that is possible; those left over run one after the other.

    Args:
        configs: composed configs with Hydra's node.
        limits: what the user allows a pack.
        pool: of processes; a pack is split into as many parts.
        fail_fast: start no job after a failed one.

    Returns:
        The jobs' outcomes; None for one that was not started.
    """
    packs = [part for pack in plan(configs) for part in _split(pack, pool.size)]
    found: list[Outcome | None] = [None] * len(configs)
    failed = False
    tasks = [PackTask([configs[i] for i in pack], limits) for pack in packs]
    for pack, outcome in zip(packs, pool.run(tasks, fail_fast), strict=True):
        failed |= outcome is not None and outcome.status == "failed"
        if isinstance(outcome, PackOutcome):
            for i, own in zip(pack, outcome.outcomes, strict=True):
                found[i] = own
        elif outcome is not None:
            log.warning("%d packed jobs: %s; they go on one by one", len(pack), outcome.reason)
    left = [i for i, outcome in enumerate(found) if outcome is None]
    if left and not (failed and fail_fast):
        for i, outcome in zip(left, pool.run([configs[i] for i in left], fail_fast), strict=True):
            found[i] = outcome
    return found


def plan(configs: Sequence[DictConfig]) -> list[list[int]]:
    """Numbers of the jobs that can be trained together, two at least; why others cannot is logged."""
    groups: dict[str, list[int]] = defaultdict(list)
    reasons: dict[str, int] = defaultdict(int)
    for i, composed in enumerate(configs):
        config: Any = OmegaConf.to_container(task_config(composed), resolve=True)
        if (reason := why_alone(config)) is not None:
            reasons[reason] += 1
        else:
            shared = [config["training"].get(key) for key in SHARED]
            groups[json.dumps([config["backbone"], config["data"], shared], sort_keys=True, default=str)].append(i)
    if single := sum(len(group) == 1 for group in groups.values()):
        reasons["no other has their backbone, data, batch sizes, epochs, precision and selection"] = single
    for reason, count in reasons.items():
        log.info("%d jobs run one by one: %s", count, reason)
    return [group for group in groups.values() if len(group) > 1]


def why_alone(config: dict[str, Any]) -> str | None:
    """Why a job cannot share a frozen backbone with others; None if it can."""
    model, training = config["model"], config["training"]
    if model["train_parameters"]:
        return f"model={model['name']} trains parameters of the backbone itself"
    from src.models.method import make_method  # needs torch

    if model["adapter"] and not (method := make_method(model)).packable:
        return f"model={model['name']} {method.not_packable_because}"
    if "tasks" in config["data"]:
        return "data=mix has a head for each task"
    if (kind := stated_kind(config["data"])) is not None and kind.several_inputs:
        return f"data={config['data']['name']} is {kind.title}, whose rows are several inputs"
    if found := [key for key in ALONE if training.get(key)]:
        return f"training.{found[0]}={training[found[0]]}"
    return None


def _split(pack: list[int], parts: int) -> list[list[int]]:
    """As many parts of nearly equal size, one for each GPU; those of a single job are left out."""
    return [part for k in range(parts) if len(part := pack[k::parts]) > 1]
