"""Names that others gave, as text that can be printed on one line."""

from pathlib import Path


def printable(text: str) -> str:
    """A text with what cannot be printed (line ends, control characters, bytes that are no UTF-8) as escapes."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def shown_path(path: Path) -> str:
    """A path as it may stand in a message, see ``printable``."""
    return printable(str(path))
