"""A table of its own with sentences, which every format shows below the tables of scores."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """What is shown and what it was made of.

    Attributes:
        kind: ``calibration``, ``slices`` or ``tasks``.
        title: of the table.
        headings: of its columns; the first names the rows.
        rows: the cells' texts.
        sentences: what it says and what it does not.
        data: the unrounded numbers, for JSON.
    """

    kind: str
    title: str
    headings: list[str]
    rows: list[list[str]]
    sentences: list[str]
    data: list[dict[str, Any]] = field(default_factory=list)
