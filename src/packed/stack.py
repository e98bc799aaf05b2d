"""The adapters of many jobs at one layer as one: their tensors stacked, their functions vmapped over the stack."""

import functools
from collections.abc import Hashable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.adapter import AdapterLinear, JoinedGate, LowRankAdapter
from src.packed.kernel import Update

# What may differ between adapters that are stacked, or says nothing about what they compute.
_FREE = ("scaling", "training", "identity_at_start")


def stackable(adapter: AdapterLinear) -> Hashable:
    """Adapters with equal keys can be stacked: they are of one class, with the same shapes and plain settings."""
    shapes = tuple((name, tuple(p.shape)) for name, p in adapter.own_parameters().items())
    plain = (bool, int, float, str, tuple, type(None))
    free = _FREE if isinstance(adapter, LowRankAdapter) else _FREE[1:]
    settings = tuple(sorted(
        (name, repr(value)) for name, value in vars(adapter).items()
        if isinstance(value, plain) and name not in free and not name.startswith("_")
    ))  # fmt: skip
    return type(adapter), shapes, settings


class _Method(nn.Module):
    """A method of a module as its forward, which is all that ``functional_call`` calls."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, name: str, *args: Any) -> Any:
        return getattr(self.module, name)(*args)


def vmapped(modules: Sequence[nn.Module], method: str, *args: Tensor) -> Tensor:
    """Call a method of each module with its slice of the arguments, all at once.

    Args:
        modules: of one structure; only their parameters, which are stacked, and what is stacked in args may differ.
        method: its name.
        args: (modules, ...).

    Returns:
        (modules, ...); gradients flow to each module's own parameters.
    """
    own = [dict(_parameters(module)) for module in modules]
    stacked = {f"module.{name}": torch.stack([tensors[name] for tensors in own]) for name in own[0]}
    wrapper = _Method(modules[0])

    def call(tensors: dict[str, Tensor], *slices: Tensor) -> Tensor:
        return torch.func.functional_call(wrapper, tensors, (method, *slices))

    return torch.vmap(call, randomness="different")(stacked, *args)


def _parameters(module: nn.Module) -> Any:
    """Of an adapter its own tensors, the base's left out."""
    return module.own_parameters().items() if isinstance(module, AdapterLinear) else module.named_parameters()


def low_rank_update(adapters: Sequence[LowRankAdapter], start: int, stop: int) -> Update:
    """The updates of stackable adapters, for the rows ``start:stop``."""
    first = adapters[0]
    scaling = _column(tuple(adapter.scaling for adapter in adapters), first.base.weight.dtype, first.base.weight.device)
    down, up = vmapped(adapters, "down"), vmapped(adapters, "up") * scaling
    gate: JoinedGate | None = None
    if first.routes() is not None:
        gate = JoinedGate(first, down.shape[1])
        down = torch.cat([down, vmapped(adapters, "routes")], dim=1)
    return Update(start, stop, down, up, gate)


@functools.lru_cache(maxsize=256)  # a copy to a GPU would wait for all that it has to do
def _column(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)[:, None, None]


def plain_delta(adapters: Sequence[AdapterLinear], x: Tensor) -> Tensor:
    """Each adapter's ``delta`` on its slice, ``(jobs, rows, length, in) -> (jobs, rows, length, out)``."""
    first = adapters[0]
    if not isinstance(first, LowRankAdapter):
        return vmapped(adapters, "delta", x)
    update = low_rank_update(adapters, 0, 0)  # type: ignore[arg-type]
    tokens = x.flatten(1, -2)
    h = update.down @ F.dropout(tokens, first.dropout, first.training).mT
    if (routes := first.routes()) is not None:  # the gate reads the raw input
        assert update.gate is not None
        width = update.down.shape[1] - len(routes)
        h = update.gate(torch.cat([h[:, :width], update.down[:, width:] @ tokens.mT], dim=1))
    return (h.mT @ update.up.mT).view(*x.shape[:-1], -1)
