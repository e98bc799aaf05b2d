"""Opening what others have made: limits before a library sees it, and one message for whatever the library raises."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from src.utils import strict_json
from src.utils.errors import UserError, in_short
from src.utils.files import read_given

LONGEST = 1000  # letters of a message
WAYS_OUT = "Ways out: "  # a second line that helps; see src/utils/hub_access.py
DEBUG = "PEFT_VERDICT_DEBUG"  # an environment variable: every error is shown with where it comes from


@contextmanager
def opened(what: object) -> Iterator[None]:
    """Within the block something is built of a stranger's file: whatever is raised is the file's fault.

    A mistake of ours would look the same, so the error keeps its cause, and with ``PEFT_VERDICT_DEBUG=1`` it is raised
    as it is.

    Args:
        what: the file or folder, for the message.

    Raises:
        UserError: naming the file and the reason.
    """
    try:
        yield
    except UserError as error:
        error.args = (_brief(str(error), str(what)),)
        raise
    except Exception as error:
        if os.environ.get(DEBUG) == "1":
            raise
        raise UserError(f"{what} cannot be used: {in_short(error)}") from error


def _brief(message: str, what: str) -> str:
    """A message that names the file, on one line and of a length to read: it may quote what stands in the file."""
    found, *ways_out = message.split(f"\n{WAYS_OUT}")
    found = " ".join(found.split())
    if len(found) > LONGEST:
        found = f"{found[:LONGEST]} ..."
    return f"\n{WAYS_OUT}".join([found if what in message else f"{what}: {found}", *ways_out])


def read_text(path: Path, limit: int) -> str:
    """A text file of at most so many bytes; raises UserError if it is none, see ``read_given``."""
    try:
        return read_given(path, limit).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} cannot be read: it is no UTF-8 text ({error.reason})") from error


def read_json(path: Path, limit: int) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UserError: if there is no such file, it is larger than so many bytes, no JSON, no object, or nested too deep.
    """
    content = read_given(path, limit)
    try:
        found = strict_json.read_json(content)
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no JSON object")
    return found


def memory() -> int:
    """Bytes of this machine's memory; where it does not say, no bound."""
    if not hasattr(os, "sysconf"):
        return 2**63
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
