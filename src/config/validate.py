"""Check a composed config, before anything heavy is imported.

Twice: first as it is written, so that a missing key or a wrong type is named before an interpolation trips over it;
then with all interpolations resolved.
"""

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from src.config.check_data import check_data, check_mix
from src.config.key_rules import NEEDED, OPEN, RULES, SEARCH
from src.config.method_rules import method_node, method_rules, needed_keys
from src.config.nodes import (
    INSTANTIATED,
    check_complete,
    check_keys,
    check_value,
    is_interpolated,
    maps,
    select,
    without_interpolations,
)
from src.config.rules import broken, check_rule
from src.config.training_keys import check_training, training_rules
from src.utils.errors import UserError
from src.utils.plain import plain


def validate(cfg: DictConfig) -> dict[str, Any]:
    """Check every key and value of a composed config.

    Returns:
        The config as plain containers, interpolations resolved.

    Raises:
        UserError: naming key, value, rule and the nearest valid name, for the first thing that is wrong.
    """
    check_written(plain(cfg, resolve=False))
    config = resolved(cfg)
    check_resolved(config)
    return config


def check_resolved(config: dict[str, Any]) -> None:
    """Check a config of plain containers without interpolations, which ``validate`` has found whole.

    Raises:
        UserError: as ``validate``.
    """
    _check_targets(config)
    model, data = config["model"], config["data"]
    rules = _closed_rules(config)
    method = method_node(model)
    if method:
        if not isinstance(model[method], dict):
            raise broken(f"model.{method}", model[method], "map")
        rules["model"][method] = "map"
        rules[f"model.{method}"] = method_rules(model)
    elif model["adapter"] is not None:
        raise UserError("model.adapter has to be a node of the model: ${model.NAME}, or null")
    for path, table in rules.items():
        check_keys(path, select(config, path), table)
    if method:
        check_complete(f"model.{method}", model[method], needed_keys(model))
    for path, table in OPEN.items():
        if node := select(config, path):
            check_keys(path, node, table)
    _check_search(model["search"], rules)
    check_training(config["training"])
    if "tasks" in data:
        check_mix(config)
    else:
        check_data(config, rules["data"])


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """The config as plain containers, interpolations resolved.

    Raises:
        UserError: if an interpolation cannot be resolved.
    """
    try:
        return plain(cfg, complete=True)
    except OmegaConfBaseException as error:
        raise UserError(explain_interpolation(error)) from error


def explain_interpolation(error: Exception) -> str:
    """What is wrong, of OmegaConf's several lines on an interpolation that cannot be resolved."""
    text = str(error)
    if told := re.match(r"UserError raised while resolving interpolation: (.*)\n\s+full_key:", text, re.DOTALL):
        return told[1]
    full = re.search(r"full_key: (\S+)", text)
    where = full[1] if full else "a key"
    if missing := re.match(r"Interpolation key '([^']*)' not found", text):
        return f"{missing[1]} is missing, and {where} refers to it"
    return f"{where}: {text.partition(chr(10))[0]}"


def check_node(path: str, node: Mapping[str, Any]) -> None:
    """Check one node of the closed part alone; raises like ``validate``."""
    plain: dict[str, Any] = {str(key): value for key, value in node.items()}
    check_complete(path, plain, RULES[path])
    check_keys(path, plain, RULES[path])


def check_written(config: dict[str, Any]) -> None:
    """Check that every key is there and that what stands there literally has the right type."""
    for path, table in _closed_rules(config).items():
        node = select(config, path)
        if not isinstance(node, dict):
            raise broken(path, node, "map")
        check_complete(path, node, table)
        for key in table.keys() & node.keys():
            if not is_interpolated(node[key]):
                check_value(f"{path}.{key}" if path else key, without_interpolations(node[key]), table[key])
    _check_targets(config)
    for path, needed in NEEDED.items():
        if node := select(config, path):
            check_complete(path, node, needed)
    if config["watch"] == {}:
        raise broken("watch", {}, "null, or a map with _target_")


def _check_targets(config: dict[str, Any]) -> None:
    """Check what names a class or function, wherever it stands."""
    for path, node in maps(config):
        for key, rule in INSTANTIATED.items():
            if key in node and not check_rule(node[key], rule):
                raise broken(f"{path}.{key}", node[key], rule)


def _closed_rules(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The rules of every node that has a fixed place, the task's own among them."""
    rules = {path: dict(table) for path, table in RULES.items()}
    own = select(config, "data.rules")
    if own is not None and not check_rule(own, "map[str]"):
        raise broken("data.rules", own, "map[str] | null")
    rules["data"] |= own or {}
    rules["data"]["rules"] = "map | null"
    rules["training"] = training_rules()
    return rules


def _check_search(search: Mapping[str, Any], known: Mapping[str, Mapping[str, str]]) -> None:
    """The form of what ``python -m src tune`` draws from; whether a range makes sense is its own affair."""
    for name, entry in search.items():
        path, rules = f"model.search.{name}", SEARCH[0 if "choices" in entry else 1]
        check_complete(path, entry, rules)
        check_keys(path, entry, rules)
        node, _, key = entry["key"].rpartition(".")
        rule = known.get(node, {}).get(key, "any")
        for choice in entry.get("choices", ()):
            check_value(f"{path}.choices", choice, rule)
