"""Check a composed config, before anything heavy is imported.

Twice: first as it is written, so that a missing key or a wrong type is named before an interpolation trips over it;
then with all interpolations resolved.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from src.config.choices import choices
from src.config.key_rules import CEILINGS, MIX_RULES, NEEDED, OPEN, RULES, SEARCH
from src.config.known_names import TARGET
from src.config.method_names import PARTIAL
from src.config.method_rules import method_node, method_rules, needed_keys
from src.config.rules import broken, check_rule, unknown_key
from src.config.task_records import check_fixed_keys
from src.config.training_keys import DECIDED_BY_THE_RUN, OURS, check_training, listed_keys, training_rules
from src.metrics.names import check_metrics, greater_is_better
from src.tasks.kinds import check_smoothing, stated_kind
from src.utils.errors import UserError
from src.utils.plain import plain

GROUPS = ("model", "backbone", "data", "training")
_INSTANTIATED = {TARGET: "str", PARTIAL: "bool"}
_INTERPOLATED = re.compile(r"\$\{")


def validate(cfg: DictConfig) -> dict[str, Any]:
    """Check every key and value of a composed config.

    Returns:
        The config as plain containers, interpolations resolved.

    Raises:
        UserError: naming key, value, rule and the nearest valid name, for the first thing that is wrong.
    """
    _check_written(plain(cfg, resolve=False))
    config = resolved(cfg)
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
        _check_node(path, _select(config, path), table)
    if method:
        _check_complete(f"model.{method}", model[method], needed_keys(model))
    for path, table in OPEN.items():
        if node := _select(config, path):
            _check_node(path, node, table)
    _check_search(model["search"])
    check_training(config["training"])
    if "tasks" in data:
        _check_mix(config)
    else:
        _check_data(config)
    return config


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
    _check_complete(path, plain, RULES[path])
    _check_node(path, plain, RULES[path])


def _check_written(config: dict[str, Any]) -> None:
    """Check that every key is there and that what stands there literally has the right type."""
    for path, table in _closed_rules(config).items():
        node = _select(config, path)
        if not isinstance(node, dict):
            raise broken(path, node, "map")
        _check_complete(path, node, table)
        for key in table.keys() & node.keys():
            if not (isinstance(node[key], str) and _INTERPOLATED.search(node[key])):
                _check_value(f"{path}.{key}" if path else key, _without_interpolations(node[key]), table[key])
    _check_targets(config)
    for path, needed in NEEDED.items():
        if node := _select(config, path):
            _check_complete(path, node, needed)
    if config["watch"] == {}:
        raise broken("watch", {}, "null, or a map with _target_")


def _check_targets(config: dict[str, Any]) -> None:
    """Check what names a class or function, wherever it stands."""
    for path, node in _nodes(config):
        for key, rule in _INSTANTIATED.items():
            if key in node and not check_rule(node[key], rule):
                raise broken(f"{path}.{key}", node[key], rule)


def _closed_rules(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The rules of every node that has a fixed place, the task's own among them."""
    rules = {path: dict(table) for path, table in RULES.items()}
    own = _select(config, "data.rules")
    if own is not None and not check_rule(own, "map[str]"):
        raise broken("data.rules", own, "map[str] | null")
    rules["data"] |= own or {}
    rules["data"]["rules"] = "map | null"
    rules["training"] = training_rules()
    return rules


def _required(path: str, table: Mapping[str, str]) -> Iterator[str]:
    """The keys of a node that must be there: all of them, but of TrainingArguments' fields those in our YAML."""
    if path == "training":
        yield from (key for key in table if key in listed_keys() or key in OURS)
    else:
        yield from (key for key in table if (path, key) not in (("data", "rules"), ("data", "kind")))


def _check_complete(path: str, node: Mapping[str, Any], table: Any) -> None:
    for key in _required(path, dict.fromkeys(table, "")):
        if key in node and node[key] != "???":
            continue
        full = f"{path}.{key}" if path else key
        group = path if path in GROUPS and key == "name" else key if key in GROUPS and not path else None
        hint = f"; {group}=CHOICE sets it, choices: {', '.join(choices(group))}" if group else ""
        raise UserError(f"{full} is missing from the config{hint}")


def _check_node(path: str, node: Any, table: Mapping[str, str]) -> None:
    if not isinstance(node, dict):
        raise broken(path, node, "map")
    for key, value in node.items():
        full = f"{path}.{key}" if path else str(key)
        if str(key) in _INSTANTIATED:
            continue
        if path == "training" and key in DECIDED_BY_THE_RUN:
            raise UserError(f"{full} cannot be set: {DECIDED_BY_THE_RUN[str(key)]}")
        if key not in table:
            raise unknown_key(full, (f"{path}.{name}" if path else name for name in table))
        _check_value(full, value, table[str(key)])


def _check_value(key: str, value: Any, rule: str) -> None:
    if not check_rule(value, rule):
        raise broken(key, value, rule)
    most = CEILINGS.get(key)
    if most is not None and isinstance(value, (int, float)) and value > most:
        raise UserError(f"{key}={value} is more than any run can use: at most {most:,}")


def _without_interpolations(value: Any) -> Any:
    """A list or map whose interpolated items, of which nothing is known yet, are left out."""
    if isinstance(value, list):
        return [_without_interpolations(item) for item in value if not _is_interpolated(item)]
    if isinstance(value, dict):
        return {key: _without_interpolations(item) for key, item in value.items() if not _is_interpolated(item)}
    return value


def _is_interpolated(value: Any) -> bool:
    return isinstance(value, str) and bool(_INTERPOLATED.search(value))


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every map of the config and its path."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from _nodes(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from _nodes(value, f"{path}[{i}]")


def _select(config: Mapping[str, Any], path: str) -> Any:
    node: Any = config
    for key in path.split(".") if path else []:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _check_search(search: Mapping[str, Any]) -> None:
    """The form of what ``python -m src tune`` draws from; whether a range makes sense is its own affair."""
    for name, entry in search.items():
        path, rules = f"model.search.{name}", SEARCH[0 if "choices" in entry else 1]
        _check_complete(path, entry, rules)
        _check_node(path, entry, rules)


def _check_data(config: Mapping[str, Any]) -> None:
    data = config["data"]
    if data["source"] not in data["sources"]:
        raise UserError(
            f"data.source={data['source']} is not a source of {data['name']}; choices: {', '.join(data['sources'])}"
        )
    source = f"data.sources.{data['source']}"
    _check_complete(source, _select(config, source), ("_target_",))
    for path in ("data.splits", "data.files", f"{source}.splits", f"{source}.files"):
        if (node := _select(config, path)) is not None:
            if not check_rule(node, "map[str|null]"):
                raise broken(path, node, "map[str|null]")
            _check_complete(path, node, ("train",))
    rules = _closed_rules(config)["data"]
    chosen = data["sources"][data["source"]]
    for key in chosen.keys() & rules.keys():  # a source's argument of the same name is the same thing
        _check_value(f"{source}.{key}", chosen[key], rules[key])
    for path, columns in (("data.text", data["text"]), (f"{source}.text", chosen.get("text", data["text"]))):
        if not 1 <= len(columns) <= 2:
            raise UserError(f"{path}={columns} breaks the rule: one column, or two for a pair of texts")
    if not data["evaluation_splits"]:
        raise UserError("data.evaluation_splits=[] breaks the rule: at least one split")
    check_fixed_keys(data)
    kind = stated_kind(data)
    if kind is None:  # the rows decide
        check_metrics(data["metrics"])
    else:
        if data["label_names"] is not None:
            kind.check_names(data["label_names"])
        kind.check_metrics(data["metrics"], data["label_names"])
    if data["primary_metric"] not in data["metrics"]:
        raise UserError(f"data.primary_metric={data['primary_metric']} is none of data.metrics={data['metrics']}")
    check_smoothing(config["training"].get("label_smoothing_factor"), data["name"], kind)


def _check_mix(config: Mapping[str, Any]) -> None:
    data = config["data"]
    _check_complete("data.mix", data["mix"], MIX_RULES)
    _check_node("data.mix", data["mix"], MIX_RULES)
    if data["source"] not in data["sources"]:
        raise UserError(f"data.source={data['source']} breaks the rule: {' | '.join(data['sources'])}")
    records = _select(data["sources"][data["source"]], "records")
    if not isinstance(records, dict):
        raise UserError(f"data.sources.{data['source']}.records is missing: data=mix fills it in")
    check_fixed_keys(data)
    for name, record in records.items():
        if not greater_is_better(record["primary_metric"]):
            raise UserError(
                f"data.tasks: {name}'s {record['primary_metric']} is an error, which no mean of scores holds"
            )
    if config["training"].get("label_smoothing_factor"):
        raise UserError("training.label_smoothing_factor does not fit data=mix: its heads differ in their classes")
