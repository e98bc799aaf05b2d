"""Reading JSON that others wrote: what the standard says and no more, within bounds that keep every later step safe."""

import json
import math
from typing import Any, NoReturn

from src.utils.errors import in_short

DEEPEST = 50  # levels of nesting: what walks a value calls itself at each
MOST_VALUES = 200_000  # of one text
_LARGEST = 2**63  # what a C library, a table or a database takes for an integer


def read_json(content: bytes) -> Any:
    """The value of a JSON text.

    Refused is what Python's parser would let pass or stumble over: NaN, infinities and numbers that become one,
    integers beyond 64 bits, a key that stands twice, text that is no Unicode, nesting deeper than ``DEEPEST``.

    Args:
        content: in UTF-8, without a byte order mark.

    Raises:
        ValueError: the message says what is wrong with the text.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_int,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise ValueError(in_short(error)) from None
    _check(value)
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:40]} is out of range")
    return value


def _int(digits: str) -> int:
    value = int(digits) if len(digits) < 25 else _LARGEST
    if abs(value) >= _LARGEST:
        raise ValueError(f"the number {digits[:40]} is out of range")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands there twice")
    return found


def _check(value: Any) -> None:
    """Walk everything without recursion: depth, number of values, texts."""
    count, level = 0, [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                below += node
                below += node.values()
            elif isinstance(node, list):
                below += node
            elif isinstance(node, str):
                _check_text(node)
        count += len(level)
        if count > MOST_VALUES:
            raise ValueError(f"it holds more than {MOST_VALUES:,} values")
        if not below:
            return
        level = below
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the text {text[:40]!r} holds half a character") from None
