"""Maps of a file as dataclasses: each field with its type, and beside it the rule that a file's value has to keep."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

# Rules are those of the config (src.config.rules), and two more:
NAME = "name"  # what labels, headings and files are made of
SCORE = "score"  # a metric's value, by its own range; null for one that had none

COUNT, OPTIONAL_COUNT = "0 <= int <= 1e15", "0 <= int <= 1e15 | null"
AMOUNT = "0 <= float <= 1e15 | null"
RATE = "float >= 0 | null"
MAP, OPTIONAL, OPTIONAL_NAME, TEXTS = "map | null", "str | null", f"{NAME} | null", "list[str] | null"
BATCH = "1 <= int <= 1e9 | null"

# Fields with their rules. Of a map the first rule is its own, the next one that of every value in it.
Name = Annotated[str, NAME]
Text = Annotated[str | None, OPTIONAL]
Amount = Annotated[float | None, AMOUNT]
Rate = Annotated[float | None, RATE]
Steps = Annotated[int | None, "int | null"]
Values = Annotated[Mapping[str, object], MAP]  # by any names, of any types
Amounts = Annotated[Mapping[str, float | None], MAP, AMOUNT]


@dataclass(frozen=True, kw_only=True)
class Group:
    """A map of the record.

    Attributes:
        content: all of it as it was written, also what no field is for.
    """

    EVERY: ClassVar[str | None] = None  # the rule of each of its values, instead of one for each field

    content: Mapping[str, object] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, content: Mapping[str, object]) -> Self:
        """Read a map in which every field keeps its rule."""
        found: dict[str, Any] = {}
        for name, kind in fields_of(cls).items():
            value = content.get(name)
            if isinstance(kind, type) and issubclass(kind, Group):
                found[name] = kind.of(value if isinstance(value, Mapping) else {})
            elif value is not None:
                found[name] = value
        return cls(content=content, **found)


_found: dict[type[Group], dict[str, object]] = {}


def fields_of(group: type[Group]) -> dict[str, object]:
    """The annotations of a group's fields by their names."""
    if group not in _found:
        hints = typing.get_type_hints(group, include_extras=True)
        _found[group] = {own.name: hints[own.name] for own in dataclasses.fields(group) if own.name != "content"}
    return _found[group]


def rules_of(group: type[Group], prefix: str = "") -> dict[str, str]:
    """The rules of a group's fields by dotted key, a field before what it contains; ``*`` is any key."""
    if group.EVERY is not None:
        return {f"{prefix}*": group.EVERY}
    found: dict[str, str] = {}
    for name, kind in fields_of(group).items():
        key = f"{prefix}{name}"
        if isinstance(kind, type) and issubclass(kind, Group):
            found |= {key: MAP} | rules_of(kind, f"{key}.")
        for depth, rule in enumerate(getattr(kind, "__metadata__", ())):
            found[key + ".*" * depth] = rule
    return found
