"""The closed part of the config: every key and its rule. A method's own are in ``src.config.method_rules``, those of
``training`` in ``src.config.training_keys``; what only one task has is under ``rules`` in its YAML.
"""

from src.config.annotations import field_rules
from src.tasks import KINDS
from src.utils.paths import ROOT

RULES: dict[str, dict[str, str]] = {
    "": {
        "seed": "int >= 0",
        "on_conflict": "error | rerun | keep",
        "init_from": "str | null",
        "model": "map",
        "backbone": "map",
        "data": "map",
        "training": "map",
        "checkpoint": "map",
        "budget": "map",
        "sweep": "map",
        "tune": "map",
        "watch": "map | null",
    },
    "budget": {"adapter_params": "int >= 0 | null", "match": "str | null"},
    "sweep": {"dir": "str", "on_conflict": "error | rerun | keep", "fail_fast": "bool", "plan": "bool"},
    "checkpoint": {"every": "epoch | never | int >= 1"},
    "tune": {
        "trials": "int >= 1",
        "seeds": "int >= 1",
        "repeats": "int >= 1",
        "sampler": "random | tpe",
        "pruner": "none | asha | median",
        "batch": "int >= 1",
    },
    "model": {
        "name": "str",
        "method": "str | null",
        "recorded_as": "str",
        "learning_rate": "float > 0",
        "adapter": "map | null",
        "train_parameters": "str | list[str]",
        "auto": "map[str]",
        "rules": "map[str]",
        "budget": "map",
        "search": "map[map]",
        "head": "map",
    },
    "model.head": {"train": "bool", "learning_rate": "float > 0 | null"},
    "backbone": {
        "name": "str",
        "path": "str | null",
        "package": "map | null",
        "revision": "str | null",
        "attention": "sdpa | eager | flash_attention_2",
        "fast_paths": "bool",
    },
    "data": {
        **field_rules(ROOT / "src" / "data" / "task.py", "Task"),
        "label_names": "list[str] | null",  # null: the rows say
        "kind": " | ".join([*KINDS, "null"]),  # left out, it is the one that label_names imply
        "rows": "map[int]",
        "source": "str",
        "sources": "map[map]",
        "dir": "str | null",
        "max_length": "int >= 4",
        "long": "cut | window",
        "also": "list[str]",
        "cluster": "str | null",
        "max_train_samples": "int >= 1 | null",
        "max_eval_samples": "int >= 1 | null",
        "holdout_fraction": "0 < float < 1",
        "holdout_max": "int >= 1",
    },
}

MIX_RULES = {"sampling": "size | equal | temperature", "temperature": "float > 0"}

# An entry of model.search.
SEARCH = ({"key": "str", "choices": "list[any]"}, {"key": "str", "low": "float > 0", "high": "float > 0"})

# Values that keep their rule and still describe no run that ends, or that fits into any memory.
CEILINGS = {
    "data.max_length": 2**20,
    "tune.trials": 100_000,
    "tune.seeds": 10_000,
    "tune.repeats": 1_000,
    "tune.batch": 100_000,
    "training.num_train_epochs": 100_000,
    "training.max_steps": 10**9,
    "training.per_device_train_batch_size": 10**6,
    "training.per_device_eval_batch_size": 10**6,
    "training.gradient_accumulation_steps": 10**6,
    "training.dataloader_num_workers": 512,
}

# Nodes whose keys are all that there may be, and may be left out unless they are in NEEDED.
OPEN: dict[str, dict[str, str]] = {
    "model.budget": {
        "key": "str",
        "from": "int >= 1",
        "to": "width | int >= 1 | list[int]",
        "with": "list[str]",
        "whole": "list[str]",
    },
    "backbone.package": {
        "name": "str",
        "module": "str",
        "folder": "str",
        "zip": "list[str]",
        "sha256": "list[str]",
    },
}
NEEDED = {"model.budget": ("key", "to"), "backbone.package": ("name", "folder"), "watch": ("_target_",)}

# Old names of keys, which still do what the new ones do: on a command line, in a saved run.
RENAMED = {"backbone.shortcuts": "backbone.fast_paths"}
