"""The language of the rules, and the errors that name them.

A rule is a text, read by people in error messages and by ``check_rule``: alternatives joined by `` | ``, each a type
(``int``, ``float``, ``bool``, ``str``, ``list[int]``, ``list[str]``, ``map``, ``map[str]``, ``null``, ``any``), a
bounded number (``int >= 1``, ``0 <= float < 1``) or a word that stands for itself. An int passes as a float, a bool as
neither; a number is finite and fits into 64 bits. Within brackets alternatives are joined by a bare ``|``.
"""

import difflib
import math
import operator
import re
from collections.abc import Iterable
from typing import Any

from src.utils.errors import UserError

_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_BOUND = r"-?\d+(?:\.\d*)?(?:e[+-]?\d{1,2})?"
_NUMBER = re.compile(
    rf"(?:(?P<low>{_BOUND}) (?P<low_op><=?) )?(?P<type>int|float)(?: (?P<op>[<>]=?) (?P<bound>{_BOUND}))?"
)
_LARGEST = 2**63 - 1  # what a C library takes for an integer


def check_rule(value: Any, rule: str) -> bool:
    """Whether a value keeps a rule, see the module's docstring."""
    return any(_keeps(value, alternative) for alternative in rule.split(" | "))


def _keeps(value: Any, alternative: str) -> bool:
    if number := _NUMBER.fullmatch(alternative):
        return _is_number(value, number["type"]) and (
            (not number["low"] or _COMPARE[number["low_op"]](float(number["low"]), value))
            and (not number["op"] or _COMPARE[number["op"]](value, float(number["bound"])))
        )
    if alternative.endswith("]"):
        kind, _, inner = alternative.removesuffix("]").partition("[")
        items = value if kind == "list" and isinstance(value, list) else None
        items = list(value.values()) if kind == "map" and isinstance(value, dict) else items
        return items is not None and all(check_rule(item, inner.replace("|", " | ")) for item in items)
    match alternative:
        case "any":
            return True
        case "null":
            return value is None
        case "bool":
            return isinstance(value, bool)
        case "str":
            return isinstance(value, str)
        case "map":
            return isinstance(value, dict)
    return str(value) == alternative


def _is_number(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if kind == "int" else (int, float)):
        return False
    return abs(value) <= _LARGEST if isinstance(value, int) else math.isfinite(value)


def broken(key: str, value: Any, rule: str) -> UserError:
    """The error for a value that breaks its key's rule; of a map it names the item that does."""
    for alternative in rule.split(" | ") if isinstance(value, dict) else ():
        if alternative.startswith("map["):
            inner = alternative.removeprefix("map[").removesuffix("]").replace("|", " | ")
            name, item = next((name, item) for name, item in value.items() if not check_rule(item, inner))
            return broken(f"{key}.{name}", item, inner)
    return UserError(f"{key}={show(value)} breaks the rule: {rule}")


def show(value: Any) -> str:
    """A value as an override would spell it, of a long one the beginning."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def unknown_key(key: str, valid: Iterable[str]) -> UserError:
    """The error for a key that does not exist: the nearest names, or all of its neighbours."""
    valid = sorted(valid)
    nearest = difflib.get_close_matches(key, valid, 3, 0.6)
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"valid keys: {', '.join(valid)}"
    return UserError(f"{key} is not a key of the config; {hint}")
