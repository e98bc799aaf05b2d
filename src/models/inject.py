"""Swapping adapters into any model, and what is asked of an adapted model as a whole."""

import difflib
import fnmatch
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from src.errors import UserError
from src.models.adapter import AdapterLinear

ALL_LINEAR = "all-linear"


def inject(
    model: nn.Module,
    make_adapter: Callable[[nn.Linear], AdapterLinear],
    target_modules: str | Sequence[str],
    exclude: Collection[str] = (),
) -> list[str]:
    """Freeze the model and replace every Linear that is a target by its adapter.

    Args:
        model: any module; changed in place.
        make_adapter: takes the Linear, gives the adapter, ``partial(LoRALinear, r=8, alpha=16)`` for one.
        target_modules: ``all-linear``, or names: the full dotted name of one Linear, or else the end of the names of
            many (``query``, ``attention.self.query``); ``*`` and ``?`` are wildcards.
        exclude: full names of Linears that are no target, whatever they match.

    Returns:
        The names of the adapted Linears, in the model's order.

    Raises:
        UserError: if a target matches no Linear (the message lists those there are), or the model has adapters.
    """
    if next(adapters(model), None):
        raise UserError("the model has adapters already; inject once into a fresh model")
    names = match_targets(model, target_modules, exclude)
    model.requires_grad_(False)
    for name in names:
        parent, _, attribute = name.rpartition(".")
        linear = model.get_submodule(name)
        assert isinstance(linear, nn.Linear)
        if isinstance(linear, NonDynamicallyQuantizableLinear):
            raise UserError(
                f"target {name!r} is the output projection of nn.MultiheadAttention, which uses its weight without "
                "calling it: an adapter there would have no effect"
            )
        adapter = make_adapter(linear).train(linear.training)
        for parameter in adapter.trained_parameters().values():
            parameter.requires_grad_(True)
        owner = model.get_submodule(parent)
        if isinstance(owner, nn.TransformerEncoderLayer):
            adapter.register_forward_pre_hook(_no_fast_path)
        setattr(owner, attribute, adapter)
    return names


def _no_fast_path(module: nn.Module, args: tuple) -> None:
    """Do nothing. In eval mode nn.TransformerEncoderLayer reads linear1.weight and linear2.weight in a fused kernel
    and would never call the adapter, but it leaves that path where a hook is attached."""


def match_targets(model: nn.Module, target_modules: str | Sequence[str], exclude: Collection[str] = ()) -> list[str]:
    """The names of the Linears that ``target_modules`` means; see ``inject``."""
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and name not in exclude]
    targets = [target_modules] if isinstance(target_modules, str) else list(target_modules)
    matched: set[str] = set()
    for target in targets:
        exact = {target} & set(linears)
        found = exact or {name for name in linears if target == ALL_LINEAR or _matches(name, target)}
        if not found:
            ends = sorted({name.rpartition(".")[2] for name in linears})
            nearest = difflib.get_close_matches(target, ends, 1)
            hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
            raise UserError(
                f"target_modules={target!r} matches no Linear{hint}; Linears of this model end in: {', '.join(ends)}; "
                f"or {ALL_LINEAR}. In full: {', '.join(linears)}"
            )
        matched |= found
    if not matched:
        raise UserError("target_modules is empty: name at least one Linear, or all-linear")
    return [name for name in linears if name in matched]


def _matches(name: str, target: str) -> bool:
    return fnmatch.fnmatchcase(f".{name}", f"*.{target}")


def adapters(model: nn.Module) -> Iterator[tuple[str, AdapterLinear]]:
    """Every adapter of the model with its dotted name."""
    return ((name, module) for name, module in model.named_modules() if isinstance(module, AdapterLinear))


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """Every adapter's own tensors, frozen ones included, by their names in the model."""
    return {
        f"{prefix}.{name}": parameter.detach()
        for prefix, adapter in adapters(model)
        for name, parameter in adapter.own_parameters().items()
    }


def load_adapter_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy tensors saved by ``adapter_state`` into a model with the same adapters.

    Raises:
        UserError: if names or shapes differ; nothing is changed then.
    """
    copy_state(adapter_state(model), state)


def copy_state(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    """Copy tensors into those of the same name, all or none."""
    missing, unexpected = own.keys() - state.keys(), state.keys() - own.keys()
    shapes = {
        name: f"{tuple(state[name].shape)} for {tuple(own[name].shape)}"
        for name in own.keys() & state.keys()
        if state[name].shape != own[name].shape
    }
    if missing or unexpected or shapes:
        raise UserError(
            f"the saved tensors do not fit the model: missing {sorted(missing) or 'none'}, "
            f"unexpected {sorted(unexpected) or 'none'}, wrong shape {shapes or 'none'}"
        )
    for name, tensor in own.items():
        tensor.copy_(state[name])


def merge_all(model: nn.Module) -> None:
    """Merge every adapter, or none: an adapter that cannot be merged says why before anything is changed."""
    found = [adapter for _, adapter in adapters(model)]
    for adapter in found:
        if not adapter.mergeable:
            raise UserError(f"{type(adapter).__name__} cannot be merged: {adapter.not_mergeable_because}")
    for adapter in found:
        adapter.merge()


def unmerge_all(model: nn.Module) -> None:
    """Undo ``merge_all``, exact to the bit."""
    for _, adapter in adapters(model):
        adapter.unmerge()


@contextmanager
def disabled(model: nn.Module) -> Iterator[None]:
    """Within the block the model computes what it did before injection."""
    with ExitStack() as stack:
        for _, adapter in adapters(model):
            stack.enter_context(adapter.disabled())
        yield


def count_parameters(model: nn.Module, head: frozenset[str] = frozenset()) -> dict[str, int]:
    """Count values by role: ``trainable = adapter + router + head``.

    ``adapter`` is everything trained outside the head and the routers, whatever its form: low-rank factors, the biases
    of BitFit, the whole encoder in full fine-tuning. ``total`` also holds what is frozen.

    Args:
        model: the adapted model.
        head: names of the head's parameters.
    """
    routers = {f"{prefix}.{name}" for prefix, adapter in adapters(model) for name in adapter.routing}
    counts = dict.fromkeys(("adapter", "router", "head", "trainable", "total"), 0)
    for name, parameter in model.named_parameters():
        counts["total"] += parameter.numel()
        if parameter.requires_grad:
            role = "head" if name in head else "router" if name in routers else "adapter"
            counts[role] += parameter.numel()
            counts["trainable"] += parameter.numel()
    return counts
