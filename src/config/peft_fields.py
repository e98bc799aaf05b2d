"""The fields of the peft library's configs, read from its source: importing it takes seconds, and reading it none."""

import ast
import contextlib
import difflib
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.config.class_defaults import class_defaults
from src.config.method_names import package_of
from src.config.rules import check_rule
from src.config.type_rules import type_rule
from src.utils.errors import UserError

# What the framework decides itself, or what only matters to the library's own files.
DECIDED = (
    "task_type",
    "peft_type",
    "inference_mode",
    "base_model_name_or_path",
    "revision",
    "auto_mapping",
    "peft_version",
    "modules_to_save",  # model.train_parameters trains more of the model
)


def config_of(method: str) -> str:
    """The config class of a method by its name: ``peft.LoraConfig`` for ``peft.lora``.

    Raises:
        UserError: if there is none; it names the nearest.
    """
    names = {f"peft.{name.removesuffix('Config').lower()}": name for name in _classes() if name.endswith("Config")}
    if method not in names:
        nearest = difflib.get_close_matches(method, names, 3, 0.6)
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"choices: {', '.join(sorted(names))}"
        raise UserError(f"method={method}: the peft library has no such method; {hint}")
    return f"peft.{names[method]}"


@functools.cache
def peft_fields(target: str) -> dict[str, str]:
    """Name and rule of every field of a config class, those of its parents included.

    Args:
        target: ``peft.LoraConfig``.

    Raises:
        UserError: if there is no such class; it names the nearest.
    """
    classes = _classes()
    name = target.rpartition(".")[2]
    if name not in classes:
        choices = sorted(choice for choice in classes if choice.endswith("Config"))
        nearest = difflib.get_close_matches(name, choices, 3, 0.6)
        hint = f"did you mean peft.{' or peft.'.join(nearest)}?" if nearest else f"choices: {', '.join(choices)}"
        raise UserError(f"_target_={target}: the peft library has no such config; {hint}")
    fields = _fields(name, classes)
    return {field: rule for field, rule in fields.items() if field not in DECIDED}


@functools.cache
def peft_defaults(method: str) -> dict[str, Any]:
    """Defaults of the fields of a method's config, as far as they are literals.

    None for a method of our own or one that there is not, and where the library is not installed.
    """
    if package_of(method) != "peft" or importlib.util.find_spec("peft") is None:
        return {}
    with contextlib.suppress(UserError):
        return _defaults(config_of(method).rpartition(".")[2], _classes())
    return {}


def _defaults(name: str, classes: dict[str, ast.ClassDef]) -> dict[str, Any]:
    if name not in classes:
        return {}
    found: dict[str, Any] = {}
    for base in classes[name].bases:
        found |= _defaults(ast.unparse(base).rpartition(".")[2], classes)
    return found | class_defaults(classes[name])


def _classes() -> dict[str, ast.ClassDef]:
    return {node.name: node for file in _files() for node in _config_classes(file)}


def _files() -> list[Path]:
    spec = importlib.util.find_spec("peft")
    assert spec is not None and spec.origin is not None, "the caller has found the package"
    root = Path(spec.origin).parent
    return [root / "config.py", *sorted(root.glob("tuners/lycoris_utils.py")), *sorted(root.glob("tuners/*/config.py"))]


@functools.cache
def _config_classes(file: Path) -> list[ast.ClassDef]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _fields(name: str, classes: dict[str, ast.ClassDef]) -> dict[str, str]:
    if name not in classes:
        return {}
    node = classes[name]
    found: dict[str, str] = {}
    for base in node.bases:
        found |= _fields(ast.unparse(base).rpartition(".")[2], classes)
    return found | dict(_own_fields(node))


def _own_fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    defaults = class_defaults(node)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            name, rule = item.target.id, type_rule(item.annotation) or "any"
            lacks_null = rule != "any" and not check_rule(None, rule) and defaults.get(name, ...) is None
            yield name, f"{rule} | null" if lacks_null else rule
