"""Defaults of a class's fields, read from its source: importing a library takes seconds, reading it none."""

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
