"""Swapping adapters into any model, and what is asked of an adapted model as a whole."""

import difflib
import fnmatch
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from src.models.adapter import AdapterLinear
from src.utils.errors import UserError

log = logging.getLogger(__name__)

ALL_LINEAR = "all-linear"
# Modules that multiply by a matrix and are no nn.Linear, by the names of their classes.
OTHER_MATRICES = ("Conv1D", "Conv1d", "QuantLinear")


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
        UserError: if a target matches no Linear (the message lists those there are), or has its weight in common with
            another module, or the model has adapters.
    """
    if next(adapters(model), None):
        raise UserError("the model has adapters already; inject once into a fresh model")
    names = match_targets(model, target_modules, exclude)
    refuse_shared(names, shared_modules(model))
    _tell_of_other_matrices(model, names, target_modules)
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


def _no_fast_path(module: nn.Module, args: tuple[object, ...]) -> None:
    """Do nothing. In eval mode nn.TransformerEncoderLayer reads linear1.weight and linear2.weight in a fused kernel
    and would never call the adapter, but it leaves that path where a hook is attached."""


def is_linear(module: nn.Module) -> bool:
    """Whether a module computes what an ``nn.Linear`` does; a router of experts may be one by its class alone."""
    return isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward


def match_targets(model: nn.Module, target_modules: str | Sequence[str], exclude: Collection[str] = ()) -> list[str]:
    """The names of the Linears that ``target_modules`` means; see ``inject``."""
    linears = [name for name, module in model.named_modules() if is_linear(module) and name not in exclude]
    targets = [target_modules] if isinstance(target_modules, str) else list(target_modules)
    matched: set[str] = set()
    for target in targets:
        exact = {target} & set(linears)
        found = exact or {name for name in linears if target == ALL_LINEAR or _matches(name, target)}
        if not found:
            raise UserError(_no_match(model, target, linears))
        matched |= found
    if not matched:
        raise UserError("target_modules is empty: name at least one Linear, or all-linear")
    return [name for name in linears if name in matched]


def _no_match(model: nn.Module, target: str, linears: Sequence[str]) -> str:
    """Why a target names no Linear, and what could be meant; endings only, as a model has hundreds of names."""
    message = f"target_modules={target!r} matches no Linear"
    others = [
        (name, type(module).__name__)
        for name, module in model.named_modules()
        if (type(module).__name__ in OTHER_MATRICES or (isinstance(module, nn.Linear) and not is_linear(module)))
        and (target == ALL_LINEAR or _matches(name, target))
    ]
    if others:
        kinds = " and ".join(sorted({kind for _, kind in others}))
        message += f": {endings([name for name, _ in others])} are {kinds} here, which is no nn.Linear"
    if not linears:
        message += ". This model has no nn.Linear that could be adapted"
        if any(kind == "Conv1D" for _, kind in others):
            message += ". The peft library adapts a Conv1D: model=roberta_peft_lora, with such names as target_modules"
        return message
    ends = sorted({name.rpartition(".")[2] for name in linears})
    nearest = difflib.get_close_matches(target, ends, 1)
    hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
    return f"{message}{hint}; Linears of this model end in: {endings(linears)}; or {ALL_LINEAR}"


def endings(names: Collection[str], most: int = 20) -> str:
    """The different last parts of dotted names, for a message."""
    found = sorted({name.rpartition(".")[2] for name in names})
    return ", ".join(found[:most]) + (f" ... ({len(found)} in all)" if len(found) > most else "")


def some(names: Iterable[str], most: int = 3) -> str:
    """The first of some names and how many there are, for a message."""
    found = sorted(names)
    return ", ".join(found[:most]) + (f" ... ({len(found)} in all)" if len(found) > most else "") or "none"


def _tell_of_other_matrices(model: nn.Module, names: Sequence[str], target_modules: str | Sequence[str]) -> None:
    """Log that ``all-linear`` leaves most of a model's matrices alone, as they are no Linear."""
    others = Counter(type(m).__name__ for m in model.modules() if type(m).__name__ in OTHER_MATRICES)
    if target_modules == ALL_LINEAR and others.total() > len(names):
        kinds = ", ".join(f"{count} {kind}" for kind, count in others.items())
        log.warning("all-linear adapts %d Linears; this model's other matrices (%s) are none", len(names), kinds)


def refuse_shared(names: Collection[str], shared: Mapping[str, str]) -> None:
    """Refuse targets that are not one module's alone.

    Such a Linear would be adapted in one of its places and not in the other, and merging would change both. What is
    shared among modules that are no target is left alone.

    Args:
        names: full names of the targets.
        shared: of the model before injection, see ``shared_modules``.

    Raises:
        UserError: if a target is shared; the message names the other module.
    """
    for name in names:
        if name in shared:
            raise UserError(
                f"target {name!r} {shared[name]}: an adapter there would change one of them, and merging it both. "
                "Leave it out of target_modules"
            )


def shared_modules(model: nn.Module) -> dict[str, str]:
    """The modules that stand under another name too, or whose weight is another module's, and which that is."""
    modules = dict(model.named_modules(remove_duplicate=False))
    places: dict[tuple[int, str], str] = {}  # a child's parent and its name there: one in a shared block counts once
    for name in modules:
        parent, _, attribute = name.rpartition(".")
        places.setdefault((id(modules[parent]), attribute), name)
    holders: dict[object, list[str]] = {}
    for name in places.values():
        for key in {id(modules[name]), *map(_memory, modules[name].parameters(recurse=False))}:
            holders.setdefault(key, []).append(name)
    found = {}
    for name in places.values():
        module = modules[name]
        weights = [p for part, p in module.named_parameters(recurse=False) if part != "bias"]  # no adapter changes it
        for key in (*map(_memory, weights), id(module)):
            if others := [other for other in holders[key] if other != name]:
                same = modules[others[0]] is module
                found[name] = f"{'is the same module as' if same else 'has its weight in common with'} {others[0]!r}"
    return found


def _memory(tensor: Tensor) -> object:
    """What two names of the same values have in common."""
    return (str(tensor.device), tensor.data_ptr()) if not tensor.is_meta and tensor.numel() else id(tensor)


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
    shapes |= {
        name: f"({state[name].dtype}) for one of {own[name].dtype}"
        for name in own.keys() & state.keys()
        if state[name].is_floating_point() != own[name].is_floating_point()
    }
    if missing or unexpected or shapes:
        raise UserError(
            f"the saved tensors do not fit the model: missing {some(missing)}, unexpected {some(unexpected)}, "
            f"wrong shape {some(f'{name} {shape}' for name, shape in shapes.items())}"
        )
    for name, tensor in own.items():
        tensor.copy_(state[name])


def merge_all(model: nn.Module) -> None:
    """Merge every adapter, or none: an adapter that cannot be merged says why before anything is changed."""
    found = [adapter for _, adapter in adapters(model)]
    refuse_shared([f"{name}.base" if name else "base" for name, _ in adapters(model)], shared_modules(model))
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
