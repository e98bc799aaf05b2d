"""Dotted keys of the config, for people."""

from collections.abc import Iterable


def short_name(key: str, keys: Iterable[str]) -> str:
    """The shortest end of the key that is the end of no other key: ``r`` for ``model.lora.r``."""
    parts = key.split(".")
    others = [f".{other}" for other in keys if other != key]
    ends = (".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1))
    return next((end for end in ends if not any(other.endswith(f".{end}") for other in others)), key)
