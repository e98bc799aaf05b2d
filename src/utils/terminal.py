"""The process' ends: what it prints and logs is text without secrets, and whoever closes the pipe ends nothing."""

import contextlib
import io
import logging
import os
import sys
import traceback
from types import TracebackType
from typing import Any, TextIO

from src.utils.redact import look_again, scrubbed
from src.utils.text import shown
from src.utils.threads import share_the_cores

VARIABLE, OLD = "PEFT_VERDICT_", "PEFT_ARENA_"  # how this project's environment variables begin, and began


def say(text: object = "", *, file: TextIO | None = None, flush: bool = False) -> None:
    """Print a line, or several; what would act on the terminal is spelled out, a secret is ``***``."""
    print(shown(scrubbed(str(text))), file=file, flush=flush)


def prepare_process() -> None:
    """Let streams outlive their readers and take every character, tracebacks be text, and threads share the cores."""
    share_the_cores()
    look_again()
    prepare_log()
    for name in sorted(os.environ):
        if name.startswith(OLD):
            new = VARIABLE + name.removeprefix(OLD)
            say(f"{name} is not read any more: the variable is called {new} now", file=sys.stderr)
    sys.excepthook = _say_error
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):  # closed by whoever started us
                setattr(sys, name, _lasting(stream))


def prepare_log() -> None:
    """Let every line of the log be text without secrets, whoever writes it and wherever it goes."""
    logging.setLogRecordFactory(_Line)


class _Line(logging.LogRecord):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.exc_info and self.exc_info[0] is not None:  # a formatter takes the text that is there
            self.exc_text = shown(scrubbed("".join(traceback.format_exception(*self.exc_info)).rstrip("\n")))

    def getMessage(self) -> str:  # noqa: N802  logging's own name
        return shown(scrubbed(super().getMessage()))


class _Lasting(io.FileIO):
    """A file descriptor that goes on as /dev/null when its reader is gone (``| head``)."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


def _lasting(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    stream.flush()
    raw = _Lasting(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors="backslashreplace",
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip


def _say_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    say("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"), file=sys.stderr)
