"""What mypy is kept from looking at: no open type where rooms meet, and few errors that it is told to ignore."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.utils.paths import ROOT

ROOMS = (
    "choose",
    "commands",
    "compare",
    "deploy",
    "metrics",
    "models",
    "plotting",
    "runs",
    "study",
    "sweep",
    "tasks",
    "verify",
)  # whose public signatures say what they take and give
MOST_IGNORED = 23  # in all of src: half of what they were; each tells mypy to look away


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    """Functions that other rooms may call, and those of public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body)
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name.startswith("__")):
            yield node


def annotations(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Of its named arguments and its value: ``*args: Any`` is how a method says that others may differ from it."""
    own = function.args
    given = [*own.posonlyargs, *own.args, *own.kwonlyargs]
    yield from filter(None, (*(one.annotation for one in given), function.returns))


def opens(annotation: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(annotation))


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_signature_takes_or_gives_anything(room):
    found = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in sorted((ROOT / "src" / room).rglob("*.py"))
        for function in public(ast.parse(path.read_text(encoding="utf-8")).body)
        if any(map(opens, annotations(function)))
    ]
    assert not found, "\n".join(found)


def test_few_errors_are_ignored():
    texts = (path.read_text(encoding="utf-8") for path in Path(ROOT, "src").rglob("*.py"))
    assert sum(text.count("# type: ignore") for text in texts) <= MOST_IGNORED
