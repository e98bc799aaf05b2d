"""Ctrl-C, SIGTERM, a closed terminal: in training the step is finished and a checkpoint saved before the run ends."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none
SIGNALS = tuple(signum for signum in (signal.SIGINT, signal.SIGTERM, HANGUP) if signum is not None)


class Interrupted(KeyboardInterrupt):
    """The run was asked to end by a signal; its record says ``interrupted``."""

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.signum = signum


class _Request:
    """What is known of signals: whether they wait for the end of a step, and which one does."""

    deferring = False
    signum: int | None = None
    terminals: tuple[int, ...] = ()  # which of standard output and error stand on one


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block SIGINT, SIGTERM and SIGHUP raise ``Interrupted``, or wait for ``check`` inside ``deferred``.

    A second signal does not wait. SIGHUP stays ignored where it is (under nohup). Outside of the main thread, where
    Python allows no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [signum for signum in SIGNALS if signum != HANGUP or signal.getsignal(signum) != signal.SIG_IGN]
    _Request.terminals = tuple(descriptor for descriptor in (1, 2) if _is_terminal(descriptor)) or _Request.terminals
    before: dict[int, Any] = {signum: signal.signal(signum, _handle) for signum in handled}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
        _Request.signum = None


@contextmanager
def deferred() -> Iterator[None]:
    """Within the block a first signal only asks: whoever works there calls ``check`` where stopping is safe."""
    before, _Request.deferring = _Request.deferring, True
    try:
        yield
    finally:
        _Request.deferring = before


def requested() -> bool:
    """Whether a signal waits for ``check``."""
    return _Request.signum is not None


def check() -> None:
    """Raise ``Interrupted`` if a signal waits."""
    if _Request.signum is not None:
        raise Interrupted(_Request.signum)


def _handle(signum: int, frame: FrameType | None) -> None:
    if signum == HANGUP:
        _leave_terminal()
    if not _Request.deferring or _Request.signum is not None:
        raise Interrupted(signum)
    _Request.signum = signum


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _leave_terminal() -> None:
    """Let what is written to a terminal that is gone go nowhere: it would be an error in the midst of a save."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in _Request.terminals:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
