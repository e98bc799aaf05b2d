"""The rules that every config value has to keep, checked before anything heavy is imported.

A rule is a text, read by people in error messages and by ``check_rule``: alternatives joined by `` | ``, each a type
(``int``, ``float``, ``bool``, ``str``, ``list[int]``, ``list[str]``, ``map``, ``null``, ``any``), a bounded number
(``int >= 1``, ``0 <= float < 1``) or a word that stands for itself. An int passes as a float, a bool as neither.

The closed part of the config stands here; a method's own keys and rules stand in its YAML, under ``model.rules``; the
keys of ``training`` are the fields of transformers.TrainingArguments, read from its source without importing it.
"""

import ast
import difflib
import functools
import importlib.util
import json
import operator
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.data.records import check_fixed_keys
from src.errors import UserError
from src.extras import require_package
from src.metrics.names import LOWER_IS_BETTER, check_metrics
from src.peft_fields import peft_fields

TARGETS = "str | list[str]"

RULES: dict[str, dict[str, str]] = {
    "": {
        "seed": "int >= 0",
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
        "sampler": "random | tpe",
        "pruner": "none | asha | median",
        "batch": "int >= 1",
    },
    "model": {
        "name": "str",
        "learning_rate": "float > 0",
        "adapter": "map | null",
        "train_parameters": "str | list[str]",
        "auto": "map",
        "rules": "map",
        "budget": "map",
        "search": "map",
        "head": "map",
    },
    "model.head": {"train": "bool", "learning_rate": "float > 0 | null"},
    "backbone": {
        "name": "str",
        "path": "str | null",
        "package": "map | null",
        "revision": "str | null",
        "attention": "sdpa | eager | flash_attention_2",
        "shortcuts": "bool",
    },
    "data": {
        "name": "str",
        "text": "list[str]",
        "label": "str",
        "label_names": "list[str] | null",
        "metrics": "list[str]",
        "primary_metric": "str",
        "evaluation_splits": "list[str]",
        "rows": "map",
        "source": "str",
        "sources": "map",
        "dir": "str | null",
        "max_length": "int >= 4",
        "max_train_samples": "int >= 1 | null",
        "max_eval_samples": "int >= 1 | null",
        "holdout_fraction": "0 < float < 1",
        "holdout_max": "int >= 1",
    },
}

MIX_RULES = {"sampling": "size | equal | temperature", "temperature": "float > 0"}

# Keys of `training` that are ours, and stricter rules for TrainingArguments whose type says too little.
TRAINING_RULES = {
    "precision": "auto | fp32 | bf16 | fp16",
    "selection": "holdout | best | last",
    "profile": "bool",
    "num_train_epochs": "float > 0",
    "max_steps": "int >= 1 | -1",
    "learning_rate": "float > 0",
    "weight_decay": "float >= 0",
    "warmup_steps": "float >= 0",
    "max_grad_norm": "float >= 0",
    "per_device_train_batch_size": "int >= 1",
    "per_device_eval_batch_size": "int >= 1",
    "gradient_accumulation_steps": "int >= 1",
    "dataloader_num_workers": "int >= 0",
    "label_smoothing_factor": "0 <= float < 1",
    "train_sampling_strategy": "random | sequential | group_by_length",
}
# What the run itself decides: setting it elsewhere would contradict the record.
DECIDED_BY_THE_RUN = {
    "output_dir": "the run's folder is Hydra's: hydra.run.dir",
    "seed": "use the top-level key seed",
    "data_seed": "use the top-level key seed",
    "bf16": "use training.precision=bf16",
    "fp16": "use training.precision=fp16",
    "bf16_full_eval": "use training.precision=bf16",
    "fp16_full_eval": "use training.precision=fp16",
    "load_best_model_at_end": "use training.selection=holdout|best|last",
    "metric_for_best_model": "use data.primary_metric",
    "greater_is_better": "use data.primary_metric",
    "eval_strategy": "every epoch is evaluated",
    "save_strategy": "the selected epoch is saved; for what a killed run goes on from, use checkpoint.every",
    "resume_from_checkpoint": "a run in the folder of an unfinished one goes on from its checkpoint by itself",
    "remove_unused_columns": "the framework prepares the columns",
    "label_names": "use data.label_names",
    "do_train": "a run trains",
    "do_eval": "every epoch is evaluated",
    "do_predict": "predictions.parquet is always written",
    "auto_find_batch_size": "the batch size is part of what a comparison holds fixed",
}

REPORTERS = ("tensorboard", "wandb", "mlflow", "trackio")

_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_NUMBER = re.compile(
    r"(?:(?P<low>[\d.e-]+) (?P<low_op><=?) )?(?P<type>int|float)(?: (?P<op>[<>]=?) (?P<bound>[\d.e-]+))?"
)


def check_rule(value: Any, rule: str) -> bool:
    """Whether a value keeps a rule, see the module's docstring."""
    return any(_keeps(value, alternative) for alternative in rule.split(" | "))


def _keeps(value: Any, alternative: str) -> bool:
    if number := _NUMBER.fullmatch(alternative):
        if isinstance(value, bool) or not isinstance(value, int if number["type"] == "int" else (int, float)):
            return False
        above = not number["low"] or _COMPARE[number["low_op"]](float(number["low"]), value)
        return above and (not number["op"] or _COMPARE[number["op"]](value, float(number["bound"])))
    if alternative.startswith("list["):
        return isinstance(value, list) and all(_keeps(item, alternative[5:-1]) for item in value)
    match alternative:
        case "any":
            return True
        case "null":
            return value is None
        case "bool":
            return isinstance(value, bool)
        case "str":
            return isinstance(value, str)
        case "map":
            return isinstance(value, dict)
    return str(value) == alternative


def validate(cfg: DictConfig) -> None:
    """Check every key and value of a composed config.

    Raises:
        UserError: naming key, value, rule and the nearest valid name, for the first thing that is wrong.
    """
    config: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    model = config["model"]
    method = _method_node(model)
    rules = {path: dict(table) for path, table in RULES.items()}
    if method:
        rules["model"][method] = "map"
        rules[f"model.{method}"] = _method_rules(model)
    rules["data"] |= config["data"].get("rules") or {}
    rules["data"]["rules"] = "map | null"
    rules["training"] = training_rules()
    for path, table in rules.items():
        node = functools.reduce(lambda node, key: node[key], path.split(".") if path else [], config)
        _check_node(path, node, table)
    _check_reporters(config["training"].get("report_to"))
    _check_start(config.get("init_from"))
    data = config["data"]
    if "tasks" in data:
        _check_mix(config)
        return
    if data["source"] not in data["sources"]:
        raise UserError(
            f"data.source={data['source']} is not a source of {data['name']}; choices: {', '.join(data['sources'])}"
        )
    check_fixed_keys(data)
    check_metrics(data["metrics"], None if data["label_names"] is None else len(data["label_names"]) or 1)
    if data["primary_metric"] not in data["metrics"]:
        raise UserError(f"data.primary_metric={data['primary_metric']} is none of data.metrics={data['metrics']}")


def _check_mix(config: Mapping[str, Any]) -> None:
    data = config["data"]
    _check_node("data.mix", data["mix"], MIX_RULES)
    if data["source"] not in data["sources"]:
        raise UserError(f"data.source={data['source']} breaks the rule: {' | '.join(data['sources'])}")
    for name, record in data["sources"][data["source"]]["records"].items():
        if record["primary_metric"] in LOWER_IS_BETTER:
            raise UserError(
                f"data.tasks: {name}'s {record['primary_metric']} is an error, which no mean of scores holds"
            )
    if config["training"].get("label_smoothing_factor"):
        raise UserError("training.label_smoothing_factor does not fit data=mix: its heads differ in their classes")


def check_node(path: str, node: Mapping[str, Any]) -> None:
    """Check one node of the closed part alone; raises like ``validate``."""
    _check_node(path, dict(node), RULES[path])


def _check_start(run: str | None) -> None:
    if run is None:
        return
    path = Path(run).expanduser() / "result.json"
    try:
        status = json.loads(path.read_text(encoding="utf-8"))["status"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"init_from={run} is not a run folder: {path} cannot be read ({error})") from error
    if status != "ok":
        raise UserError(f"init_from={run}: that run's status is {status!r}; only a finished run has an adapter")


def _check_reporters(report_to: str | list[str] | None) -> None:
    for name in [report_to] if isinstance(report_to, str) else report_to or []:
        if name == "none":
            continue
        if name not in REPORTERS:
            raise UserError(f"training.report_to={name}: unknown; choices: none, {', '.join(REPORTERS)}")
        if importlib.util.find_spec(name) is None:
            raise UserError(f"training.report_to={name} needs a package that is not installed: pip install {name}")


def _method_node(model: Mapping[str, Any]) -> str | None:
    """The name of the node with the method's own keys: the one that ``model.adapter`` is an alias of."""
    own = (key for key, value in model.items() if key not in RULES["model"] and value == model["adapter"])
    return next(own, None)


def _method_rules(model: Mapping[str, Any]) -> dict[str, str]:
    """The rules in the method's YAML; the config of a library's method adds its own fields."""
    target = model["adapter"].get("_target_")
    if target is None:
        raise UserError(f"model={model['name']}: _target_ is missing: it names the method's class")
    try:
        require_package(target.partition(".")[0])
    except UserError as error:
        raise UserError(f"model={model['name']}: {error}") from error
    library = peft_fields(target) if target.startswith("peft.") else {}
    return library | model.get("rules", {})


def _check_node(path: str, node: Mapping[str, Any], table: Mapping[str, str]) -> None:
    for key, value in node.items():
        full = f"{path}.{key}" if path else str(key)
        if str(key) in ("_target_", "_partial_"):
            continue
        if path == "training" and key in DECIDED_BY_THE_RUN:
            raise UserError(f"{full} cannot be set: {DECIDED_BY_THE_RUN[str(key)]}")
        if key not in table:
            raise unknown_key(full, (f"{path}.{name}" if path else name for name in table))
        if not check_rule(value, table[str(key)]):
            raise UserError(f"{full}={_show(value)} breaks the rule: {table[str(key)]}")


def unknown_key(key: str, valid: Iterable[str]) -> UserError:
    """The error for a key that does not exist: the nearest names, or all of its neighbours."""
    valid = sorted(valid)
    nearest = difflib.get_close_matches(key, valid, 3, 0.6)
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"valid keys: {', '.join(valid)}"
    return UserError(f"{key} is not a key of the config; {hint}")


def _show(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


@functools.cache
def training_rules() -> dict[str, str]:
    """Name and rule of every training key: TrainingArguments' fields, read from its source in 50 ms, and ours."""
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        raise UserError("the package transformers is not installed: pip install -r requirements.txt")
    tree = ast.parse(Path(spec.origin).with_name("training_args.py").read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "TrainingArguments").body
    fields = {
        node.target.id: _rule_of(ast.unparse(node.annotation))
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_")
    }
    return fields | TRAINING_RULES


def _rule_of(annotation: str) -> str:
    """``int | None`` -> ``int | null``; a part of an annotation that is no plain type passes any text or map."""
    plain = {"int": "int", "float": "float", "bool": "bool", "str": "str", "None": "null", "list[str]": "list[str]"}
    parts = [plain.get(part.strip(), "str | map") for part in annotation.split("|")]
    return " | ".join(parts)
