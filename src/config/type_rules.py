"""Rules of types, where an annotation says no more than a type: read from the source, as ``src.config.annotations``.

``list[str] | None`` is the rule ``list[str] | null``, and so are ``Optional[Sequence[str]]`` and ``Union[...]`` of the
parts. A type that no YAML can hold (a class of a library) gives no rule.
"""

import ast
from collections.abc import Iterator

_LISTS = ("list", "List", "Sequence")
_MAPS = ("dict", "Dict", "Mapping")


def type_rule(annotation: ast.expr | None) -> str | None:
    """The rule of an annotation; None where it allows a value that no rule describes."""
    if annotation is None:
        return None
    found = dict.fromkeys(_alternatives(annotation))
    return None if set(found) <= {"null"} else " | ".join(found)


def _alternatives(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id="int" | "float" | "bool" | "str" as name):
            yield name
        case ast.Constant(value=None):
            yield "null"
        case ast.Name(id="dict" | "Mapping"):
            yield "map"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _alternatives(left)
            yield from _alternatives(right)
        case ast.Subscript(value=ast.Name(id=name), slice=inner):
            yield from _subscripted(name, inner)


def _subscripted(name: str, inner: ast.expr) -> Iterator[str]:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    match name:
        case "Optional" | "Union":
            for part in parts:
                yield from _alternatives(part)
            if name == "Optional":
                yield "null"
        case "Literal":
            for part in parts:
                word = str(ast.literal_eval(part))
                yield "str" if "[" in word else word  # pissa_niter_[number of iters]: a form, and no word
        case "tuple" if isinstance(parts[-1], ast.Constant) and parts[-1].value is ...:
            yield from _subscripted("list", parts[0])
        case _ if name in (*_LISTS, *_MAPS):
            rules = list(_alternatives(parts[-1]))
            deep = not rules or any("[" in rule and "|" in rule for rule in rules)  # more than the language can say
            yield f"{'list' if name in _LISTS else 'map'}[{'any' if deep else '|'.join(rules)}]"
