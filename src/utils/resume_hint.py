"""The command that goes on with what was cut short: the last line on the terminal."""

import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from src.utils import terminal
from src.utils.keys import quoted
from src.utils.redact import MASK, shown_word

PLAIN = re.compile(r"[\w./+-]+( [\w./+-]+)*")  # what Hydra takes as a value without quotes

_command: list[str] = []  # what the user called
_as_it_is = False  # whether it goes on without a word of where
_pending: str | None = None  # the command that goes on, while there is something to go on with


def called(command: Sequence[str], as_it_is: bool = False) -> None:
    """Remember the command as the user wrote it: interpreter, program and arguments.

    Args:
        command: its words.
        as_it_is: it finds its folder by itself, and takes no override that names one.
    """
    global _as_it_is, _pending
    _command[:], _as_it_is, _pending = command, as_it_is, None


def shown_command(*words: str | Sequence[str]) -> str:
    """A command as it may be written down: that of the user where one is remembered, else ``python -m src`` and words.

    Args:
        words: after ``python -m src``, singly or in lists.
    """
    given = [part for word in words for part in ([word] if isinstance(word, str) else word)]
    return shlex.join(map(shown_word, _command if _command and not given else ["python", "-m", "src", *given]))


def offer(key: str, folder: str | Path) -> None:
    """From now on the command goes on in the folder if it ends early.

    Args:
        key: the override that names the folder, ``hydra.run.dir`` or ``sweep.dir``.
        folder: of the run or the sweep.
    """
    global _pending
    same = ("sweep.dir", "hydra.sweep.dir") if key == "sweep.dir" else (key,)
    kept = [word for word in _command if word.lstrip("+").partition("=")[0] not in same]
    path = Path(folder)
    name = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    value = name if PLAIN.fullmatch(name) else quoted(name)
    where = [] if _as_it_is else [f"{key}={value}"]
    _pending = shlex.join([*map(shown_word, kept), *where]) if _command else None


def withdraw() -> None:
    """There is nothing left to go on with."""
    global _pending
    _pending = None


def say() -> None:
    """Print the command, if something is left to do, as the last line."""
    if _pending is None or int(os.environ.get("RANK", "0")):
        return
    sys.stdout.flush()
    again = f" (give what {MASK} stands for again)" if MASK in _pending else ""
    terminal.say(f"To go on where it stopped{again}:\n{_pending}", file=sys.stderr, flush=True)


def python(*arguments: str) -> list[str]:
    """A command of this program as a user writes it; under torchrun with its processes."""
    processes = os.environ.get("LOCAL_WORLD_SIZE", "1")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return ["torchrun", f"--nproc_per_node={processes}", *arguments]
    return [sys.orig_argv[0] if "python" in Path(sys.orig_argv[0]).name else "python", *arguments]
