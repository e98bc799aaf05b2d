"""Ctrl-C and SIGTERM: while training, the current step is finished and a checkpoint saved before the run ends."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """The run was asked to end by a signal; its record says ``interrupted``."""

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.signum = signum


class _Request:
    """What is known of signals: whether they wait for the end of a step, and which one does."""

    deferring = False
    signum: int | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block SIGINT and SIGTERM raise ``Interrupted``, or wait for ``check`` inside ``deferred``.

    A second signal does not wait. Outside of the main thread, where Python allows no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {signum: signal.signal(signum, _handle) for signum in SIGNALS}
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
    if not _Request.deferring or _Request.signum is not None:
        raise Interrupted(signum)
    _Request.signum = signum
