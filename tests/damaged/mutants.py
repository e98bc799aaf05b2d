"""Records with one thing wrong in them, and whether such a record may still be taken for a result."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PLACE = "@@the odd value@@"
DEEP = "[" * 100_000 + "]" * 100_000
# JSON texts, some of them none.
ODD = (
    "null", "true", "false", "-1", "0", "1", "42", "1.5", "-5", "1e300", "-1e300", "1e-320", "NaN", "Infinity",
    "-Infinity", "1e400", "1" + "0" * 400, "9" * 5000, "9" * 18, '""', '"x"', '"0.99"', '"../../x"', '"a\\nb"',
    '"\\ud800"', '"\\u0000"', '"' + "x" * 10_000 + '"', "[]", "[1]", '["a", null]', "[[1]]", "{}", '{"a": 1}',
    '{"": {"a.b": [1, {"c": null}]}}', '{"a": {"_target_": 3}}', DEEP, "[" * 45 + "]" * 45,
    '{"k": ' * 999 + "1" + "}" * 999,
)  # fmt: skip
NO_JSON = frozenset(("NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 400, "9" * 5000, '"\\ud800"', DEEP,
                     '{"k": ' * 999 + "1" + "}" * 999))  # fmt: skip
# What a run was made with and on: these may hold whatever they like, or have rules of their own.
FREE = ("config", "adapter_config", "training", "hardware", "versions", "git", "init_from", "budget", "error", "packed",
        "identity_at_start", "head_start", "shortcuts", "reload_max_difference", "import_max_difference",
        "continued_from_step", "adapted_modules")  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A record's text, where it was changed and to what; ``refused`` if it must never be taken for a result."""

    path: tuple[Any, ...]
    odd: str
    text: str
    refused: bool

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))} -> {self.odd[:60]}"


def paths(node: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a record, those of maps and lists too."""
    items = node.items() if isinstance(node, dict) else list(enumerate(node))[:2] if isinstance(node, list) else ()
    for key, value in items:
        yield (*prefix, key)
        yield from paths(value, (*prefix, key))


def mutants(record: dict[str, Any]) -> Iterator[Mutant]:
    """Every place with every odd value; every key removed, renamed, doubled and buried."""
    for path in paths(record):
        old = value_at(record, path)
        for odd in ODD:
            yield Mutant(path, odd, replaced(record, path, odd), is_wrong(path, old, odd))
        yield Mutant(path, "wrapped", replaced(record, path, json.dumps([old])), is_wrong(path, old, json.dumps([old])))
        if isinstance(path[-1], str):
            yield from _keys_changed(record, path, old)


def _keys_changed(record: dict[str, Any], path: tuple[Any, ...], old: Any) -> Iterator[Mutant]:
    needed = path in {("schema_version",), ("status",), ("seed",), ("method",), ("params", "adapter"), ("params",)}
    for name in (None, f"{path[-1]}_", f" {path[-1]}"):
        changed = copy.deepcopy(record)
        parent = value_at(changed, path[:-1])
        del parent[path[-1]]
        if name is not None:
            parent[name] = old
        yield Mutant(path, "removed" if name is None else "renamed", json.dumps(changed), needed)
    parent = value_at(record, path[:-1])
    twice = f"{{{json.dumps(path[-1])}: 1, {json.dumps(parent)[1:]}"
    yield Mutant(path, "twice", twice if len(path) == 1 else replaced(record, path[:-1], twice), refused=True)


def replaced(record: dict[str, Any], path: tuple[Any, ...], odd: str) -> str:
    """The record's text with a JSON text, or what is none, at a place."""
    changed = copy.deepcopy(record)
    value_at(changed, path[:-1])[path[-1]] = PLACE
    return json.dumps(changed).replace(json.dumps(PLACE), odd)


def value_at(node: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def is_wrong(path: tuple[Any, ...], old: Any, odd: str) -> bool:
    """Whether a record with this value there cannot be a result: by what the field is, not by the schema."""
    if odd in NO_JSON:
        return True
    new = json.loads(odd)
    if new == old and type(new) is type(old):
        return False
    if path[0] in FREE:
        return False
    if path[0] in ("schema_version", "status") or path == ("primary_metric", "value"):
        return True
    if path[:2] == ("metrics", "selected") and len(path) == 3 and new is not None:
        return True
    if path[0] == "params" and len(path) == 2 and path[1] in ("adapter", "router", "head", "trainable"):
        return True
    if new is None or old is None:
        return path[0] in ("seed", "method", "backbone", "data") and new is None
    return _kind(old) != _kind(new) or (path[0] in ("seed", "time", "memory", "params", "rows") and _negative(new))


def _kind(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


def _negative(value: Any) -> bool:
    return _kind(value) == "number" and value < 0
