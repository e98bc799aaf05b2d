"""What a frozen backbone computes more cheaply than transformers does, each where it is shown to be the same.

A fast path reaches into the library's own modules, which change from version to version. So it is tried on a small
batch before it is used, and whatever gives other logits, or cannot be tried, is left as transformers has it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import transformers
from torch import Tensor

from src.backbones.fast_paths.dropout import use_cheaper_dropout
from src.backbones.probe import SAME, probe_logits
from src.utils.errors import in_short
from src.utils.seeding import seeded

log = logging.getLogger(__name__)

Undo = Callable[[], None]


def wants_fast_paths(backbone: Mapping[str, Any]) -> bool:
    """Whether a ``backbone`` node asks for them, under the key's name or, in an older run, its old one."""
    return bool(backbone.get("fast_paths", backbone.get("shortcuts", True)))


def use_fast_paths(model: Any, *, whole: bool = False) -> list[str]:
    """Have a model compute the same logits more cheaply.

    Args:
        model: a transformers classifier without adapters; changed in place.
        whole: its head reads every token, so none may be left out.

    Returns:
        The names of the fast paths in use: of ``dropout`` (a cheaper mask on a CPU), ``attention`` (the same for its
        weights) and ``first_token`` (the last layer for the token that the head reads).
    """
    found = []
    with seeded(0, "fast_paths"):
        try:
            plain = probe_logits(model)
        except Exception as error:  # an encoder that wants more than tokens; whatever it is, its own way is right
            log.info("no fast paths: %s takes no plain batch of tokens (%s)", type(model).__name__, in_short(error))
            return []
        for name, (install, trial) in FAST_PATHS.items():
            if whole and name == "first_token":
                continue
            undo: Undo | None = None
            try:
                undo = install(model)
                if undo is None:
                    continue
                with trial() as agrees:
                    same = _same(probe_logits(model), plain) and agrees()
                reason = "gives other logits"
            except Exception as error:  # a part of the library that is gone, moved, or means something else now
                same, reason = False, f"cannot be used ({in_short(error)})"
            if same:
                found.append(name)
                continue
            log.warning(
                "fast path %s is off: with transformers %s it %s for %s",
                name, transformers.__version__, reason, type(model).__name__,
            )  # fmt: skip
            if undo is not None:
                undo()
    return found


def _same(found: Tensor, expected: Tensor) -> bool:
    scale = max(1.0, float(expected.abs().max()))
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=0, atol=SAME * scale)


def _dropout(model: Any) -> Undo:
    return use_cheaper_dropout(model)


def _attention(model: Any) -> Undo | None:
    from src.backbones.fast_paths.attention import (
        use_cheaper_attention,  # asks the library for functions that may have moved
    )

    return use_cheaper_attention(model)


def _first_token(model: Any) -> Undo | None:
    from src.backbones.fast_paths.first_token import use_first_token

    return use_first_token(model)


@contextmanager
def _attention_compared() -> Iterator[Callable[[], bool]]:
    """Eval mode has no dropout, so each call is computed both ways there, with the arguments that the model gives."""
    from src.backbones.fast_paths.attention import compared

    with compared() as pairs:
        yield lambda: all(_same(found, expected) for found, expected in pairs)


def _nothing_more() -> AbstractContextManager[Callable[[], bool]]:
    return nullcontext(lambda: True)


FAST_PATHS: dict[str, tuple[Callable[[Any], Undo | None], Callable[[], AbstractContextManager[Callable[[], bool]]]]] = {
    "dropout": (_dropout, _nothing_more),
    "attention": (_attention, _attention_compared),
    "first_token": (_first_token, _nothing_more),
}
