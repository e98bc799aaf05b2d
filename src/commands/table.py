"""Which commands there are: every file of this folder that has a ``main``. Reading them imports nothing."""

import ast
import functools
import re
from collections.abc import Mapping
from pathlib import Path

RENAMED = {"planted": "recover"}  # old names, which still do what the new ones do
PREFIX = re.compile(r"``python -m src [^`]*``: ")  # of a command's docstring


@functools.cache
def commands() -> Mapping[str, str]:
    """The commands in alphabetical order, each with the first line of its file's docstring."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("[!_]*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            first = (ast.get_docstring(tree) or "").partition("\n")[0]
            found[file.stem] = PREFIX.sub("", first).rstrip(".")
    return found
