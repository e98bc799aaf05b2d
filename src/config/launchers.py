"""The rules of what starts the jobs of a sweep: every key of every file in ``conf/hydra/launcher``."""

import re
from collections.abc import Mapping
from typing import Any

from src.config.annotations import constructor_rules
from src.config.rules import broken, check_rule, unknown_key
from src.utils.paths import ROOT

_OURS = ROOT / "hydra_plugins" / "peft_verdict" / "__init__.py"
_SUBMITIT = {
    "submitit_folder": "str",
    "timeout_min": "int >= 1",
    "cpus_per_task": "int >= 1 | null",
    "gpus_per_node": "int >= 0 | str | null",
    "tasks_per_node": "int >= 1",
    "mem_gb": "float > 0 | null",
    "nodes": "int >= 1",
    "name": "str",
    "stderr_to_stdout": "bool",
}
_TEXT = "str | null"

# By the class that `_target_` names, without its package.
RULES: dict[str, dict[str, str]] = {
    **{name: constructor_rules(_OURS, name) for name in ("PoolLauncher", "PackedLauncher")},
    "JoblibLauncher": {
        "n_jobs": "int >= 1 | int <= -1",
        "backend": "loky | threading | multiprocessing | null",
        "prefer": "processes | threads | null",
        "require": "sharedmem | null",
        "verbose": "int >= 0",
        "timeout": "float > 0 | null",
        "pre_dispatch": "int >= 1 | str",
        "batch_size": "int >= 1 | auto",
        "temp_folder": _TEXT,
        "max_nbytes": "int >= 0 | str | null",
        "mmap_mode": "r | r+ | w+ | c | null",
    },
    "RayLauncher": {"ray": "map"},
    "LocalLauncher": _SUBMITIT,
    "SlurmLauncher": _SUBMITIT
    | {
        "partition": _TEXT,
        "account": _TEXT,
        "qos": _TEXT,
        "array_parallelism": "int >= 1",
        "max_num_timeout": "int >= 0",
        "signal_delay_s": "int >= 1",
        "comment": _TEXT,
        "constraint": _TEXT,
        "exclude": _TEXT,
        "gres": _TEXT,
        "cpus_per_gpu": "int >= 1 | null",
        "gpus_per_task": "int >= 1 | str | null",
        "mem_per_gpu": "int >= 1 | str | null",
        "mem_per_cpu": "int >= 1 | str | null",
        "setup": "list[str] | null",
        "additional_parameters": "map",
    },
}
# Ray takes many more options than its YAMLs set: these are checked, others are Ray's own affair.
_RAY = {
    "init": "map",
    "remote": "map",
    "init.address": _TEXT,
    "init.include_dashboard": "bool",
    "init.object_store_memory": "int >= 78643200 | null",
    "init.runtime_env": "map",
    "init.num_cpus": "int >= 1 | null",
    "init.num_gpus": "int >= 0 | null",
    "remote.num_cpus": "float >= 0",
    "remote.num_gpus": "float >= 0",
    "remote.max_calls": "int >= 0",
    "remote.max_retries": "int >= -1",
}


def missing_launcher(text: str) -> str | None:
    """What to install, where Hydra's message says that it does not know a launcher's class; None of another message."""
    found = re.match(r"Unknown plugin class : 'hydra_plugins\.(hydra_\w+_launcher)\.[\w.]+'", text)
    if found is None:
        return None
    package = found[1].replace("_", "-")
    return f"this launcher needs the package {package}: pip install -r requirements-sweep.txt -c constraints.txt"


def check_launcher(launcher: Mapping[str, Any]) -> None:
    """Check ``hydra.launcher``; one that is not of ``conf/hydra/launcher`` is left to its package.

    Args:
        launcher: the node as plain containers, interpolations resolved.

    Raises:
        UserError: for the first key that is unknown, or whose value breaks its rule.
    """
    kind = str(launcher.get("_target_")).rpartition(".")[2]
    rules = RULES.get(kind)
    if rules is None:
        return
    for key, value in launcher.items():
        if key == "_target_":
            continue
        path = f"hydra.launcher.{key}"
        if key not in rules:
            raise unknown_key(path, (f"hydra.launcher.{name}" for name in rules))
        if not check_rule(value, rules[key]):
            raise broken(path, value, rules[key])
    if kind == "RayLauncher":
        _check_ray(launcher.get("ray") or {})


def _check_ray(ray: Mapping[str, Any]) -> None:
    for path, rule in _RAY.items():
        node, _, key = path.rpartition(".")
        holder = ray.get(node) if node else ray
        if isinstance(holder, dict) and key in holder and not check_rule(holder[key], rule):
            raise broken(f"hydra.launcher.ray.{path}", holder[key], rule)
