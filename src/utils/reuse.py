"""What the jobs of a sweep share within one process, so that it is loaded once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")

_enabled = False


def enable() -> None:
    """From now on loaded things are kept for the next job; a process that runs a single job keeps none."""
    global _enabled
    _enabled = True


def enabled() -> bool:
    return _enabled


class Kept(Generic[Value]):
    """The last few values made, by key.

    Args:
        size: how many; the one asked for longest ago goes first.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of the key, made if it is not there. Without ``enable`` it is always made, and not kept."""
        if not _enabled:
            return make()
        value = self.values.pop(key) if key in self.values else make()
        self.values[key] = value
        while len(self.values) > self.size:
            self.values.popitem(last=False)
        return value
