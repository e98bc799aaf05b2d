"""The part of a ``model`` node that is the method's own: which keys it has, and their rules."""

from collections.abc import Mapping
from typing import Any

from src.config.key_rules import RULES
from src.config.known_names import TARGET
from src.config.method_names import method_name, own_methods, package_of
from src.config.peft_fields import config_of, peft_fields
from src.utils.errors import UserError
from src.utils.extras import require_package


def method_node(model: Mapping[str, Any]) -> str | None:
    """The name of the node with the method's own keys: the one that ``model.adapter`` is an alias of."""
    own = (key for key, value in model.items() if key not in RULES["model"] and value == model["adapter"])
    return next(own, None) if model["adapter"] is not None else None


def method_rules(model: Mapping[str, Any], method: str) -> dict[str, str]:
    """The rules in the method's YAML; the config of a library's method adds its own fields."""
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
    if package != "peft":
        return model["rules"]
    return peft_fields(target if target is not None else config_of(name)) | model["rules"]
