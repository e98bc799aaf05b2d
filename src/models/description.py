"""What ``adapter.json`` says of a saved classifier, checked before anything is built of it: it may be a stranger's."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from src.config import check_rule
from src.config.key_rules import OPEN
from src.config.key_rules import RULES as CONFIG
from src.config.known_names import TARGET, ForeignNameError, packages, targets
from src.config.method_names import OLD_PATHS, PARTIAL, own_methods, package_of
from src.config.method_rules import adapter_rules
from src.config.older import renewed
from src.config.peft_fields import config_of, peft_fields
from src.config.rules import show
from src.runs.layout import DESCRIPTION
from src.utils.errors import UserError
from src.utils.extras import require_package
from src.utils.foreign import opened, read_json

FORMAT_VERSION = 2  # 1 named a method by the path of its class
LARGEST = 2**24  # bytes of the file

RULES: dict[str, dict[str, str]] = {
    "": {
        "format_version": "int >= 1",
        "model": "map",
        "backbone": "map",
        "backbone_fingerprint": "str",
        "label_names": "list[str]",
        "seed": "int >= 0",
        "kind": "str",
        "tasks": "map[list[str]]",
        "kinds": "map[str]",
    },
    "model": {
        "name": "str",
        "method": "str | null",
        "adapter": "map | null",
        "train_parameters": "str | list[str]",
        "head": "map",
    },
    "backbone.package": OPEN["backbone.package"],
    **{node: CONFIG[node] for node in ("model.head", "backbone")},  # attention: transformers' own, no code on the hub
}
OPTIONAL = frozenset(RULES["model.head"]) | (frozenset(RULES["backbone"]) - {"name"}) | {
    "module", "zip", "sha256", "tasks", "kind", "kinds", "method", "adapter", "train_parameters", "head",
}  # fmt: skip
SAVED = tuple(RULES["model"])  # of a model node
# Fields of peft's configs that hold text and name neither code nor a file: modules of the model, or one of a few words.
# A number names nothing, so every field may hold one; a field that is not listed here holds nothing else.
TEXT = frozenset({
    "ab_svd_init", "act_fn", "bias", "config_A_B", "config_C", "config_D_E", "decomposition_method",
    "encoder_reparameterization_type", "exclude_modules", "feedforward_modules", "init_lora_weights", "init_weights",
    "layers_pattern", "mask_type", "opt_weighted_loss_type", "poly_type", "prompt_tuning_init",
    "prompt_tuning_init_text", "psoft_svd", "target_modules", "target_parameters", "variant", "wavelet_family",
})  # fmt: skip
BY_MODULE = ("_pattern", "trainable_token_indices")  # numbers by the name of a module: rank_pattern


def read_description(folder: Path, *, own: bool = False) -> dict[str, object]:
    """Read and check a saved classifier's description; one of an older format comes as the newest.

    Args:
        folder: the adapter's.
        own: this very run has written it, so what it names is what the run's config names; or no name of it is used.

    Raises:
        UserError: if there is none, it is no such description, or it names what is none of this project's own.
    """
    file = folder / DESCRIPTION
    if not file.exists():
        raise UserError(f"{folder} holds no adapter: {DESCRIPTION} is missing")
    saved = read_json(file, LARGEST)
    version = saved.get("format_version", FORMAT_VERSION)
    if check_rule(version, "int >= 1") and version > FORMAT_VERSION:  # whose other fields may be any
        raise UserError(f"{file}: format_version={version} is not {FORMAT_VERSION}: of a newer program")
    with opened(file):
        _check_map(file, "", saved)
        if version == 1:
            saved = _renewed(file, saved)
        _check_map(file, "model", saved["model"])
        _check_map(file, "model.head", saved["model"].get("head", {}))
        _check_map(file, "backbone", saved["backbone"])
        if (package := saved["backbone"].get("package")) is not None:
            _check_map(file, "backbone.package", package)
        _check_labels(file, saved)
        model = saved["model"]
        if model.get("adapter") is not None and not isinstance(model["adapter"].get(TARGET, ""), str):
            raise UserError(f"{file}: model.adapter.{TARGET}={show(model['adapter'][TARGET])} breaks the rule: str")
        if not own:
            _check_names(file, saved)
            _check_fields(file, model)
    return saved


def _renewed(file: Path, saved: Mapping[str, Any]) -> dict[str, Any]:
    """A description of format 1 in that of 2; a class of the user's own keeps its path."""
    model = saved["model"]
    if "method" in model:
        raise UserError(f"{file}: model.method is no part of format_version=1")
    adapter = model.get("adapter")
    if isinstance(adapter, dict) and not isinstance(adapter.get(TARGET), str):
        raise UserError(f"{file}: model.adapter.{TARGET}={show(adapter.get(TARGET))} breaks the rule: str")
    return renewed(saved) | {"format_version": FORMAT_VERSION}


def _check_labels(file: Path, saved: Mapping[str, Any]) -> None:
    """Refuse classes that are not one answer each."""
    for key, labels in {"label_names": saved["label_names"], **saved.get("tasks", {})}.items():
        if len(set(labels)) < len(labels):
            raise UserError(f"{file}: {key}={show(labels)} breaks the rule: every class once")


def _check_fields(file: Path, model: Mapping[str, Any]) -> None:
    """Refuse a hyperparameter that no config could have, by the rules of the method and of peft's source."""
    adapter = model.get("adapter") or {}
    name = str(adapter.get(TARGET) or model.get("method"))
    rules = (peft_fields(config_of(name)) if _of_peft(name) else {}) | adapter_rules(name)
    for key, value in adapter.items():
        if key in (TARGET, PARTIAL):
            continue
        if rules and key not in rules:
            raise UserError(f"{file}: model.adapter.{key} is no key of {name}; choices: {_listed(rules)}")
        if not check_rule(value, rules.get(key, "any")):
            raise UserError(f"{file}: model.adapter.{key}={show(value)} breaks the rule: {rules[key]}")


def _check_map(file: Path, path: str, node: Any) -> None:
    """Refuse a node with a key too many, one too few, or a value of another type."""
    rules = RULES[path]
    prefix = f"{path}." if path else ""
    if not isinstance(node, dict):
        raise UserError(f"{file}: {path or 'the file'} is no map of names to values")
    for key in node:
        if key not in rules:
            raise UserError(f"{file}: {prefix}{key} is no part of a description; choices: {', '.join(rules)}")
    for key, rule in rules.items():
        if key not in node and key not in OPTIONAL:
            raise UserError(f"{file}: {prefix}{key} is missing")
        if key in node and not check_rule(node[key], rule):
            raise UserError(f"{file}: {prefix}{key}={show(node[key])} breaks the rule: {rule}")


def _check_names(file: Path, saved: Mapping[str, Any]) -> None:
    """Refuse what names code that is not this project's or peft's."""
    package = saved["backbone"].get("package")
    if package is not None and package not in packages():
        raise ForeignNameError(file, "backbone.package", package, _listed(own["name"] for own in packages()))
    model = saved["model"]
    if (adapter := model.get("adapter")) is None:
        return
    if (target := adapter.get(TARGET)) is not None:  # a class of the user's own, since ours go by their names
        if target in OLD_PATHS or _of_peft(target) or target not in targets("model"):
            raise ForeignNameError(file, f"model.adapter.{TARGET}", target, _choices())
    elif _of_peft(str(model.get("method"))):
        check_peft_node(file, str(model["method"]), adapter)
    elif model.get("method") not in own_methods():
        raise ForeignNameError(file, "model.method", model.get("method"), _choices())


def _choices() -> str:
    return f"{_listed(own_methods())}, peft.*; a class of yours, once a file in conf/model names it"


def _of_peft(name: str) -> bool:
    return package_of(name) == "peft"


def check_peft_node(file: Path, method: str, node: Mapping[str, object]) -> None:
    """Refuse a config of the peft library that could name code, a file or another model.

    Raises:
        UserError: naming the field.
    """
    require_package("peft")
    fields = peft_fields(config_of(method))
    for key, value in node.items():
        if key == PARTIAL:
            continue
        if key not in fields:
            raise ForeignNameError(file, f"model.adapter.{key}", value, _listed(fields))
        if not _names_nothing(key, value):
            raise ForeignNameError(file, f"model.adapter.{key}", value, "a number, true, false, null or a list of them")


def _names_nothing(key: str, value: Any) -> bool:
    if isinstance(value, str):
        return key in TEXT
    if isinstance(value, list):
        return all(_names_nothing(key, item) for item in value)
    if isinstance(value, dict):
        return not value or (key.endswith(BY_MODULE) and all(_names_nothing("", item) for item in value.values()))
    return True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
