"""What methods are called in configs, records and saved files: one stable name each, whatever module a class lies in.

``lora`` is what ``src/models/lora.py`` calls its ``METHOD``, and the name is known as soon as a file of ``conf/model``
has it as its ``method``. ``peft.lora`` is the config ``LoraConfig`` of the peft library. A class of the user's own has
no such name: his config says ``_target_``.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

from src.config.known_names import TARGET, records
from src.utils.errors import UserError

PARTIAL = "_partial_"
PEFT = re.compile(r"peft\.(\w+)Config")
# What saved adapters of format 1, and configs of before, called the methods: the paths of their classes.
OLD_PATHS = {
    "src.models.hydralora.HydraLoRALinear": "hydralora",
    "src.models.lora.LoRALinear": "lora",
    "src.models.lorafa.LoRAFALinear": "lorafa",
    "src.models.loraplus.LoRAPlusLinear": "loraplus",
    "src.models.lsr.LSRLinear": "lsr",
    "src.models.vblora.VBLoRA": "vblora",
    "src.models.vblora.VBLoRALinear": "vblora",
}


def stable_name(target: Any) -> str | None:
    """The name of the method that a path stands for; None for a class that is none of ours."""
    if not isinstance(target, str):
        return None
    if config := PEFT.fullmatch(target):
        return f"peft.{config[1].lower()}"
    return OLD_PATHS.get(target)


def package_of(name: str) -> str | None:
    """The package that a method, or a class, comes from, if it is another than this project."""
    package, dot, _ = name.partition(".")
    return package if dot and package != "src" else None


@functools.cache
def own_methods() -> frozenset[str]:
    """The names of this project's methods that adapt layers: those that files of ``conf/model`` have."""
    found = (record.get("method") for record in records("model").values() if record.get("adapter"))
    return frozenset(name for name in found if isinstance(name, str) and name.isidentifier())


@functools.cache
def recorded_names() -> Mapping[str, str]:
    """The choices of ``model`` by what records call them; without those whose name depends on other keys."""
    files = records("model").items()
    found = {str(record.get("recorded_as") or record.get("name")): choice for choice, record in files}
    return {name: choice for name, choice in sorted(found.items()) if "${" not in name}


def hyperparameters(adapter: Mapping[str, Any]) -> dict[str, Any]:
    """An adapter's node without what names its class."""
    return {key: value for key, value in adapter.items() if key not in (TARGET, PARTIAL)}


def method_name(model: Mapping[str, Any]) -> str | None:
    """The stable name of a ``model`` node's method; None for a class of the user's own.

    Raises:
        UserError: if ``method`` and ``_target_`` are two methods of ours.
    """
    target, name = model["adapter"].get(TARGET), model.get("method")
    if target is None:
        return name
    if (found := stable_name(target)) is not None and name not in (None, found):
        raise UserError(
            f"model.method={name} and model.adapter.{TARGET}={target} are two methods: leave one of them out"
        )
    return found


def named(model: Mapping[str, Any]) -> dict[str, Any]:
    """A ``model`` node, saved or run, whose method goes by its stable name if it has one: no path of a class is left.

    Args:
        model: with an ``adapter``, which may say ``_target_``, and copies of it under the method's own key.
    """
    adapter = model.get("adapter")
    name = stable_name(adapter.get(TARGET)) if isinstance(adapter, Mapping) else None
    if name is not None and model.get("method") not in (None, name):
        return dict(model)  # it contradicts itself
    without = {
        key: hyperparameters(node) if isinstance(node, Mapping) and stable_name(node.get(TARGET)) else node
        for key, node in model.items()
    }
    return without if name is None else without | {"method": name}
