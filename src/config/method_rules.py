"""The part of a ``model`` node that is the method's own: which keys it has, and their rules.

They are those of the class's constructor, as it annotates them. A class that does not, one of a user's own, has them in
its YAML under ``rules``; a method of the peft library has the fields of its config.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from src.config.annotations import Argument, assigned_name, class_value, constructor, rule_of
from src.config.key_rules import RULES
from src.config.known_names import TARGET, records
from src.config.method_names import method_name, own_methods, package_of, stable_name
from src.config.peft_fields import config_of, peft_fields
from src.config.rules import check_rule
from src.utils.errors import UserError
from src.utils.extras import require_package
from src.utils.paths import ROOT

ROOM = ROOT / "src" / "models"
TARGETS = "target_modules"  # a key of every method that adapts layers


def method_node(model: Mapping[str, Any]) -> str | None:
    """The name of the node with the method's own keys: the one that ``model.adapter`` is an alias of."""
    own = (key for key, value in model.items() if key not in RULES["model"] and value == model["adapter"])
    return next(own, None) if model["adapter"] is not None else None


def method_rules(model: Mapping[str, Any]) -> dict[str, str]:
    """The rules of a method's keys.

    Raises:
        UserError: if there is no such method, or the package that it comes from is not installed.
    """
    name = _checked_name(model)
    target = model["adapter"].get(TARGET)
    if package_of(name) == "peft":
        return peft_fields(target if target is not None else config_of(name)) | model["rules"]
    return stated_rules({**model, "method": name})


def stated_rules(model: Mapping[str, Any]) -> dict[str, str]:
    """What the method's arguments and its YAML say, the latter where both do; a key under ``auto`` may be ``auto``."""
    rules = own_rules(str(model["method"])) | (model.get("rules") or {})
    return rules | {key: f"{rules[key]} | auto" for key in model.get("auto") or () if key in rules}


def needed_keys(model: Mapping[str, Any]) -> Iterable[str]:
    """Those of a method's keys that have to be there: arguments without a default, and what its YAML has rules of."""
    yield from (argument.name for argument in _arguments(_checked_name(model)) if argument.required)
    yield from (key for key, rule in model["rules"].items() if not check_rule(None, rule))


@functools.cache
def adapter_rules(name: str) -> dict[str, str]:
    """The rules of a method's keys by its stable name, or by the class that the first file in ``conf/model`` names."""
    for record in records("model").values():
        found = {record.get("method"), *(node.get(TARGET) for node in record.values() if isinstance(node, dict))}
        if name in found | set(map(stable_name, found)):
            return own_rules(name) | dict(record.get("rules") or {})
    return {}


@functools.cache
def own_rules(name: str) -> dict[str, str]:
    """The rules that a method of this project annotates its arguments with; none for others."""
    return {argument.name: argument.rule for argument in _arguments(name) if argument.rule is not None}


@functools.cache
def _arguments(name: str) -> tuple[Argument, ...]:
    if name not in own_methods() or not (file := ROOM / f"{name}.py").is_file():
        return ()
    cls = assigned_name(file, "METHOD")
    if cls is None:
        return ()
    found = constructor(
        file, class_value(file, cls, "layer") or cls
    )  # of a method for a whole model, its layers' class
    return (*found, Argument(TARGETS, rule_of(ROOM / "hyperparameters.py", "TargetModules"), required=True))


def _checked_name(model: Mapping[str, Any]) -> str:
    target = model["adapter"].get(TARGET)
    name = method_name(model) or target
    if name is None:
        raise UserError("model.method is missing from the config: it names the method's class")
    if package := package_of(name):
        try:
            require_package(package)
        except UserError as error:
            raise UserError(f"model={model['name']}: {error}") from error
    elif target is None and name not in own_methods():
        raise UserError(f"model.method={name}: there is no such method; choices: {', '.join(sorted(own_methods()))}")
    return str(name)
