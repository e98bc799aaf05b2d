"""Defaults and rules of a class's fields, read from its source: importing a library takes seconds, reading it none."""

import ast
import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def class_defaults(node: ast.ClassDef) -> dict[str, Any]:
    """The annotated fields whose default is a literal, alone or as ``field(default=...)``."""
    found = {}
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.value is not None:
            value = item.value
            if isinstance(value, ast.Call):
                value = next((word.value for word in value.keywords if word.arg == "default"), value)
            try:
                found[item.target.id] = ast.literal_eval(value)
            except ValueError:  # made by a call
                continue
    return found


def constructor_rules(file: Path, name: str) -> dict[str, str]:
    """The rules of a constructor's arguments, of those that are annotated with one: ``Annotated[int, "int >= 1"]``.

    Args:
        file: that the class is in.
        name: of the class.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    init = next(node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    found = {}
    for argument in (*init.args.args, *init.args.kwonlyargs):
        match argument.annotation:
            case ast.Subscript(
                value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, ast.Constant(value=str(rule))])
            ):
                found[argument.arg] = rule
    return found


@functools.cache
def training_class() -> ast.ClassDef | None:
    """The source of transformers.TrainingArguments, in 50 ms; None where transformers is not installed."""
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).with_name("training_args.py").read_text(encoding="utf-8"))
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "TrainingArguments")


@functools.cache
def training_defaults() -> Mapping[str, Any]:
    """Those of transformers.TrainingArguments; none where transformers is not installed."""
    found = training_class()
    return {} if found is None else class_defaults(found)
