"""Checks of one node of a config: the keys that it has, those that it lacks, and their values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from src.config.choices import choices
from src.config.key_rules import CEILINGS
from src.config.known_names import TARGET
from src.config.method_names import PARTIAL
from src.config.rules import broken, check_rule, unknown_key
from src.config.training_keys import DECIDED_BY_THE_RUN, listed_keys
from src.utils.errors import UserError

GROUPS = ("model", "backbone", "data", "training")
INSTANTIATED = {TARGET: "str", PARTIAL: "bool"}  # keys that any map may have
INTERPOLATED = re.compile(r"\$\{")


def _required(path: str, table: Mapping[str, str]) -> Iterator[str]:
    """The keys of a node that must be there: all of them, but of TrainingArguments' fields those in our YAML."""
    if path == "training":
        yield from (key for key in table if key in listed_keys())
    else:
        yield from (key for key in table if (path, key) not in (("data", "rules"), ("data", "kind")))


def check_complete(path: str, node: Mapping[str, Any], table: Iterable[str]) -> None:
    """Refuse a node that lacks a key which has to be there; the hint names the choices that set it."""
    for key in _required(path, dict.fromkeys(table, "")):
        if key in node and node[key] != "???":
            continue
        full = f"{path}.{key}" if path else key
        group = path if path in GROUPS and key == "name" else key if key in GROUPS and not path else None
        hint = f"; {group}=CHOICE sets it, choices: {', '.join(choices(group))}" if group else ""
        raise UserError(f"{full} is missing from the config{hint}")


def check_keys(path: str, node: Any, table: Mapping[str, str]) -> None:
    """Refuse a key that the table has not, and a value that breaks its rule."""
    if not isinstance(node, dict):
        raise broken(path, node, "map")
    for key, value in node.items():
        full = f"{path}.{key}" if path else str(key)
        if str(key) in INSTANTIATED:
            continue
        if path == "training" and key in DECIDED_BY_THE_RUN:
            raise UserError(f"{full} cannot be set: {DECIDED_BY_THE_RUN[str(key)]}")
        if key not in table:
            raise unknown_key(full, (f"{path}.{name}" if path else name for name in table))
        check_value(full, value, table[str(key)])


def check_value(key: str, value: Any, rule: str) -> None:
    """Refuse a value that breaks its key's rule, or is more than any run can use."""
    if not check_rule(value, rule):
        raise broken(key, value, rule)
    most = CEILINGS.get(key)
    if most is not None and isinstance(value, (int, float)) and value > most:
        raise UserError(f"{key}={value} is more than any run can use: at most {most:,}")


def without_interpolations(value: Any) -> Any:
    """A list or map whose interpolated items, of which nothing is known yet, are left out."""
    if isinstance(value, list):
        return [without_interpolations(item) for item in value if not is_interpolated(item)]
    if isinstance(value, dict):
        return {key: without_interpolations(item) for key, item in value.items() if not is_interpolated(item)}
    return value


def is_interpolated(value: Any) -> bool:
    """Whether a value refers to another one, or calls a resolver."""
    return isinstance(value, str) and bool(INTERPOLATED.search(value))


def maps(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every map of the config and its path."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from maps(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from maps(value, f"{path}[{i}]")


def select(config: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    node: Any = config
    for key in path.split(".") if path else []:
        node = node.get(key) if isinstance(node, dict) else None
    return node
