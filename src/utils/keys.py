"""Dotted keys of the config, and overrides that set them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested mappings by its dotted key; an empty mapping and a list are values."""
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def short_name(key: str, keys: Iterable[str]) -> str:
    """The shortest end of the key that is the end of no other key: ``r`` for ``model.lora.r``."""
    parts = key.split(".")
    others = [f".{other}" for other in keys if other != key]
    ends = (".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1))
    return next((end for end in ends if not any(other.endswith(f".{end}") for other in others)), key)


def override(key: str, value: Any) -> str:
    """The override that sets the key to a plain value, whatever a text holds."""
    return f"{key}={_written(value)}"


def _written(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{_written(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    return str(value) if _is_word(str(value)) else quoted(str(value))


def _is_word(text: str) -> bool:
    """Whether Hydra reads the text as itself: no number, no null, nothing of the grammar."""
    plain = re.fullmatch(r"[A-Za-z_][\w./-]*", text, re.ASCII)
    return plain is not None and text.lower() not in ("null", "true", "false", "nan", "inf")


def quoted(text: str) -> str:
    """A text as Hydra reads it back, whatever it holds."""
    return QuotedString(text, Quote.single).with_quotes()
