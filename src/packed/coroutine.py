"""Ordinary code that can be stopped in the middle of a call, answered, and let go on: a thread with a baton.

Only the holder of the baton runs, so what jobs share (random numbers, logging, libraries' singletons) sees one at a
time, in an order that does not depend on the clock.
"""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Request = TypeVar("Request")


class Coroutine(Generic[Request]):
    """A call that runs until it asks for something.

    Args:
        work: the call; it may use ``ask``.
        name: of its thread.
    """

    def __init__(self, work: Callable[[], Any], name: str) -> None:
        self.work, self.name = work, name
        self.request: Request | None = None  # what it waits for, between two turns
        self.result: Any = None
        self.error: BaseException | None = None
        self.started = self.done = False
        self._reply: Any = None
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def resume(self, reply: Any = None) -> None:
        """Give it a turn, with the answer to its request; returns at its next request or its end."""
        self._reply, self.request = reply, None
        if not self.started:
            self.started = True
            self._thread.start()
        self._go.release()
        self._back.acquire()

    def ask(self, request: Request) -> Any:
        """Called by the work itself: hand the baton back and wait for the answer; an exception as answer is raised."""
        self.request = request
        self._back.release()
        self._go.acquire()
        if isinstance(self._reply, BaseException):
            raise self._reply
        return self._reply

    def _run(self) -> None:
        self._go.acquire()
        try:
            self.result = self.work()
        except BaseException as error:
            self.error = error
        self.done = True
        self._back.release()
