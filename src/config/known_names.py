"""The closed tables: what a saved file may name. Nothing is imported because a file that was read says so.

A config that one runs with ``main.py`` is a program. What lies in a run's folder is data, whoever wrote it: a name in
it counts only if this project's own ``conf`` names the same, so a new method or source is known as soon as its YAML
is there.
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from src.config.rules import show
from src.utils.errors import UserError
from src.utils.paths import CONF

TARGET = "_target_"


class ForeignNameError(UserError):
    """A saved file names what is none of this project's own."""

    def __init__(self, file: Path, key: str, value: Any, choices: str) -> None:
        super().__init__(
            f"{file}: {key[:200]}={show(value)} is refused: a saved folder is data, and only the project's own names "
            f"are looked up; choices: {choices} (see docs/safety.md)"
        )


@functools.cache
def targets(group: str) -> frozenset[str]:
    """Every ``_target_`` in a folder of conf: the user's own classes of ``model``, the loaders of ``data``."""
    found = (value for record in records(group).values() for key, value in _leaves(record) if key == TARGET)
    return frozenset(value for value in found if isinstance(value, str))


@functools.cache
def packages() -> tuple[dict[str, Any], ...]:
    """The PyPI packages with a backbone in them that conf/backbone names, see ``locate_package``."""
    return tuple(record["package"] for record in records("backbone").values() if record.get("package"))


@functools.cache
def records(group: str) -> Mapping[str, dict[str, Any]]:
    """The files of a folder of conf by their names, interpolations as they are written."""
    # The C parser takes a tenth of the time; both know plain values alone.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {}
    for file in sorted((CONF / group).glob("*.yaml")):
        try:
            found[file.stem] = yaml.load(file.read_text(encoding="utf-8"), loader)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UserError(f"{file} cannot be read: {error}") from error
    return {name: record for name, record in found.items() if isinstance(record, dict)}


def _leaves(node: Any) -> Iterator[tuple[str, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, dict | list):
            yield from _leaves(value)
        else:
            yield str(key), value
