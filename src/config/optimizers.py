"""Which optimizers and schedules of transformers a run can have, and with what options.

Both lists are closed: a test holds them against the installed version, so that a new name is looked at before it is
used. What is refused says why.
"""

import importlib.util
import re
from collections.abc import Mapping
from typing import Any

from src.config.rules import broken, check_rule, unknown_key
from src.utils.errors import UserError

# The optimizer and the package that it needs besides torch; what pip calls it, if that differs.
OPTIMIZERS: dict[str, str | None] = {
    "adamw_torch": None,
    "adamw_torch_fused": None,
    "adafactor": None,
    "sgd": None,
    "adagrad": None,
    "rmsprop": None,
    "adamw_torch_4bit": "torchao",
    "adamw_torch_8bit": "torchao",
    "adamw_bnb_8bit": "bitsandbytes",
    "adamw_8bit": "bitsandbytes",
    "paged_adamw_32bit": "bitsandbytes",
    "paged_adamw_8bit": "bitsandbytes",
    "ademamix": "bitsandbytes",
    "ademamix_8bit": "bitsandbytes",
    "paged_ademamix_32bit": "bitsandbytes",
    "paged_ademamix_8bit": "bitsandbytes",
    "lion_32bit": "bitsandbytes",
    "lion_8bit": "bitsandbytes",
    "paged_lion_32bit": "bitsandbytes",
    "paged_lion_8bit": "bitsandbytes",
    "rmsprop_bnb": "bitsandbytes",
    "rmsprop_bnb_8bit": "bitsandbytes",
    "rmsprop_bnb_32bit": "bitsandbytes",
    "grokadamw": "grokadamw",
    "stable_adamw": "optimi",
}
_PIP = {"optimi": "torch-optimi"}
_PROJECTED = "it projects the gradients of whole weight matrices, and an adapter's are small already"
_AVERAGED = "its weights differ between training and evaluation, which a checkpoint here does not know of"
REFUSED_OPTIMIZERS = {
    "adamw_torch_xla": "it is for TPUs",
    "adamw_torch_npu_fused": "it is for Ascend NPUs",
    "adamw_anyprecision": "its package torchdistx is no longer made",
    "lomo": "it steps within the backward pass, past the learning rate of each group",
    "adalomo": "it steps within the backward pass, past the learning rate of each group",
    "galore_adamw": _PROJECTED,
    "galore_adamw_8bit": _PROJECTED,
    "galore_adafactor": _PROJECTED,
    "galore_adamw_layerwise": _PROJECTED,
    "galore_adamw_8bit_layerwise": _PROJECTED,
    "galore_adafactor_layerwise": _PROJECTED,
    "apollo_adamw": _PROJECTED,
    "apollo_adamw_layerwise": _PROJECTED,
    "schedule_free_radam": _AVERAGED,
    "schedule_free_adamw": _AVERAGED,
    "schedule_free_sgd": _AVERAGED,
}
# What `training.optim_args` may set ("momentum=0.9,nesterov=true"); weight decay has a key of its own.
OPTIMIZER_OPTIONS: dict[str, tuple[str, ...]] = {
    "sgd": ("momentum", "dampening", "nesterov"),
    "adagrad": ("lr_decay", "eps"),
    "rmsprop": ("momentum", "alpha", "eps", "centered"),
    "grokadamw": ("alpha_init", "lamb", "gamma", "grokking_signal_decay_rate", "gradient_clipping"),
}
_FLAGS = ("nesterov", "centered")
# AdamW that knows a low-rank update's two factors, see src/training/paired_step.py; options and their defaults.
PAIRED: dict[str, dict[str, float]] = {
    "adamw_lorafa": {},
    "adamw_loraplus": {"ratio": 16.0},
    "adamw_riemannian": {"reg": 1e-2},
}

# The schedule and the rules of `training.lr_scheduler_kwargs`.
_FLOOR = {"num_cycles": "float > 0", "min_lr": "float >= 0 | null", "min_lr_rate": "0 <= float <= 1 | null"}
SCHEDULES: dict[str, dict[str, str]] = {
    "linear": {},
    "cosine": {"num_cycles": "float > 0"},
    "cosine_with_restarts": {"num_cycles": "int >= 1"},
    "polynomial": {"lr_end": "float >= 0", "power": "float > 0"},
    "constant": {},
    "constant_with_warmup": {},
    "inverse_sqrt": {"timescale": "int >= 1 | null"},
    "cosine_with_min_lr": _FLOOR,
    "cosine_warmup_with_min_lr": _FLOOR | {"warmup_lr_rate": "0 <= float <= 1 | null"},
    "warmup_stable_decay": {
        "num_decay_steps": "int >= 1",
        "num_stable_steps": "int >= 0",
        "warmup_type": "linear | cosine | 1-sqrt",
        "decay_type": "linear | cosine | 1-sqrt",
        "min_lr_ratio": "0 <= float <= 1",
        "num_cycles": "float > 0",
    },
}
_WATCHES = "it follows a score of its own, while every rate of this run is a function of the step"
REFUSED_SCHEDULES = {"reduce_lr_on_plateau": _WATCHES, "greedy": _WATCHES}


def check_optimizer(training: Mapping[str, Any]) -> None:
    """Check the optimizer, its package and its options.

    Raises:
        UserError: naming the choices, the reason, or the line that installs the package.
    """
    name = training.get("optim", "adamw_torch")
    _choose("training.optim", name, OPTIMIZERS | dict.fromkeys(PAIRED), REFUSED_OPTIMIZERS)
    package = OPTIMIZERS.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        install = f"pip install {_PIP.get(package, package)}"
        raise UserError(f"training.optim={name} needs a package that is not installed: {install}")
    valid = OPTIMIZER_OPTIONS.get(name, tuple(PAIRED.get(name, ())))
    for option in filter(None, (training.get("optim_args") or "").replace(" ", "").split(",")):
        key, _, value = option.partition("=")
        if key not in valid:
            choices = ", ".join(valid) or "none"
            raise UserError(f"training.optim_args: training.optim={name} takes no {key}; choices: {choices}")
        pattern = r"true|false" if key in _FLAGS else r"\d+(\.\d*)?([eE][+-]?\d{1,2})?|\.\d+"
        if not re.fullmatch(pattern, value):
            rule = "bool" if key in _FLAGS else "float >= 0"
            raise UserError(f"training.optim_args: {key}={value} breaks the rule: {rule}")


def check_schedule(training: Mapping[str, Any]) -> None:
    """Check the schedule of the learning rate and its options.

    Raises:
        UserError: naming the choices, the reason, or the option that is missing or unknown.
    """
    name = training.get("lr_scheduler_type", "linear")
    _choose("training.lr_scheduler_type", name, SCHEDULES, REFUSED_SCHEDULES)
    options, rules = training.get("lr_scheduler_kwargs") or {}, SCHEDULES[name]
    for key, value in options.items():
        path = f"training.lr_scheduler_kwargs.{key}"
        if key not in rules:
            if rules:
                raise unknown_key(path, (f"training.lr_scheduler_kwargs.{valid}" for valid in rules))
            raise UserError(f"{path}: training.lr_scheduler_type={name} has no options")
        if not check_rule(value, rules[key]):
            raise broken(path, value, rules[key])
    given = [key for key in ("min_lr", "min_lr_rate") if options.get(key) is not None]
    if "min_lr" in rules and len(given) != 1:
        raise UserError(
            f"training.lr_scheduler_type={name} needs one of min_lr and min_lr_rate: "
            "'training.lr_scheduler_kwargs={min_lr_rate:0.1}'"
        )
    if "num_decay_steps" in rules and "num_decay_steps" not in options:
        raise UserError(
            f"training.lr_scheduler_type={name} needs num_decay_steps: "
            "'training.lr_scheduler_kwargs={num_decay_steps:100}'"
        )
    rate, end = training.get("learning_rate", 5e-5), options.get("lr_end", 1e-7)
    if name == "polynomial" and end >= rate:
        raise UserError(f"training.lr_scheduler_kwargs.lr_end={end} has to be below training.learning_rate={rate}")


def _choose(key: str, name: Any, choices: Mapping[str, Any], refused: Mapping[str, str]) -> None:
    if isinstance(name, str) and name in refused:
        raise UserError(f"{key}={name} cannot be used: {refused[name]}; choices: {', '.join(choices)}")
    if not isinstance(name, str) or name not in choices:
        raise broken(key, name, " | ".join(choices))
