"""Writing files whole or not at all."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write in ``path``'s place: it takes the place when the block ends well, and is gone if it does not.

    Whoever reads ``path`` meanwhile, or after a kill, sees the file as it was before or as it is afterwards. The name
    is this thread's own, so that two writers do not disturb each other.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; lines end as they do in the text."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
