"""What a file of any kind is read into."""

from dataclasses import dataclass
from typing import Any

from src.tasks.signatures import Place


@dataclass(frozen=True)
class Columns:
    """Columns by name, all of one length; where each row stands; the classes, if the source names them."""

    values: dict[str, list[Any]]
    place: Place
    class_names: list[str] | None = None
