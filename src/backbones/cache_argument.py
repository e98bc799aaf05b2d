"""The two names of the keys and values that a forward pass is given: ``past_key_values``, and ``cache`` since 5.24.

transformers takes the old name until 5.40, by a decorator that a signature does not show. The peft library looks for
the old name in signatures, and our own attention block is handed whichever name its caller uses.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

OLD, NEW = "past_key_values", "cache"


def given_cache(arguments: Mapping[str, Any]) -> Any:
    """The cache among a call's keyword arguments, under either name; None if there is none."""
    return arguments[NEW] if arguments.get(NEW) is not None else arguments.get(OLD)


def accept_old_name(module: nn.Module) -> None:
    """Have a module whose forward takes ``cache`` take ``past_key_values`` as well, and show it in its signature."""
    forward = module.forward
    signature = inspect.signature(forward)
    if OLD in signature.parameters or NEW not in signature.parameters:
        return

    @functools.wraps(forward)
    def both(*args: Any, **kwargs: Any) -> Any:
        if OLD in kwargs:
            kwargs[NEW] = given_cache(kwargs)
            del kwargs[OLD]
        return forward(*args, **kwargs)

    old = inspect.Parameter(OLD, inspect.Parameter.KEYWORD_ONLY, default=None)
    named = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    rest = [p for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD]
    shown: Any = both
    shown.__signature__ = signature.replace(parameters=[*named, old, *rest])
    module.__dict__["forward"] = both
