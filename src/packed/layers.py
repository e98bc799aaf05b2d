"""The one model that all jobs share: the frozen layers once, each job's adapters and head on the job's own rows."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.adapter import AdapterLinear, LowRankAdapter
from src.models.inject import adapters
from src.models.kernels.low_rank import fusable
from src.packed.kernel import packed_linear
from src.packed.stack import low_rank_update, plain_delta, stackable, vmapped


@dataclass(eq=False)
class Tenant:
    """A job's model within the pack."""

    model: nn.Module
    head: frozenset[str]
    adapters: dict[str, AdapterLinear] = field(init=False)
    kinds: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.adapters = dict(adapters(self.model))
        self.kinds = {name: stackable(adapter) for name, adapter in self.adapters.items()}


@dataclass
class Layout:
    """Whose rows stand where in the batch that is being computed: (tenant, number of rows), in order."""

    tenants: list[tuple[Tenant, int]] = field(default_factory=list)

    def runs(self, key: Any) -> Iterator[tuple[int, int, Any, list[Tenant]]]:
        """Neighbours with the same key and the same number of rows: ``start, stop, key, tenants``."""
        start = 0
        for (own, count), group in groupby(self.tenants, key=lambda pair: (key(pair[0]), pair[1])):
            members = [tenant for tenant, _ in group]
            stop = start + count * len(members)
            yield start, stop, own, members
            start = stop


class PackedLinear(nn.Module):
    """A frozen Linear that adds to each job's rows the job's own update."""

    def __init__(self, base: nn.Linear, name: str, layout: Layout) -> None:
        super().__init__()
        self.base, self.name, self.layout = base, name, layout

    def forward(self, x: Tensor) -> Tensor:
        groups = [
            (start, stop, [tenant.adapters[self.name] for tenant in tenants])
            for start, stop, kind, tenants in self.layout.runs(lambda tenant: tenant.kinds.get(self.name))
            if kind is not None
        ]
        if not groups:
            return self.base(x)
        if not fusable(self.base) or not all(_fuses(own) for _, _, (own, *_) in groups):
            return self._plain(x, groups)
        weight: Tensor = self.base.weight
        bias: Tensor | None = self.base.bias
        updates = [low_rank_update(own, start, stop) for start, stop, own in groups]  # type: ignore[arg-type]
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
            for i, u in enumerate(updates):
                updates[i] = type(u)(u.start, u.stop, u.down.to(dtype), u.up.to(dtype), u.gate)
        return packed_linear(x.contiguous(), weight, bias, updates)

    def _plain(self, x: Tensor, groups: Sequence[tuple[int, int, list[AdapterLinear]]]) -> Tensor:
        y = self.base(x)
        parts, end = [], 0
        for start, stop, own in groups:
            rows = x[start:stop]
            delta = plain_delta(own, rows.unflatten(0, (len(own), -1))).flatten(0, 1)
            parts += [y[end:start], y[start:stop] + delta.to(y.dtype)]
            end = stop
        return torch.cat([*parts, y[end:]])


def _fuses(adapter: AdapterLinear) -> bool:
    return isinstance(adapter, LowRankAdapter) and not (adapter.dropout and adapter.training)


class PackedHead(nn.Module):
    """A module of the head: every job's own, on the job's rows."""

    def __init__(self, name: str, layout: Layout) -> None:
        super().__init__()
        self.name, self.layout = name, layout

    def forward(self, x: Tensor) -> Tensor:
        parts = []
        for start, stop, _, tenants in self.layout.runs(lambda tenant: None):
            own = [tenant.model.get_submodule(self.name) for tenant in tenants]
            parts.append(vmapped(own, "forward", x[start:stop].unflatten(0, (len(own), -1))).flatten(0, 1))
        return torch.cat(parts)


class PackedModel:
    """Computes the logits of many jobs' batches in one pass.

    Args:
        tenants: the jobs; their models share the frozen parameters (see ``share_frozen``).
        padding: by the name of each input, the value that fills shorter batches.
    """

    def __init__(self, tenants: Sequence[Tenant], padding: Mapping[str, int]) -> None:
        self.layout, self.padding = Layout(), padding
        first = tenants[0].model
        model: Any = copy.deepcopy(first, {id(p): p for p in first.parameters()})
        vars(model).pop("forward", None)  # accelerate's, under mixed precision; it would call the first job's own
        for name in dict.fromkeys(name for tenant in tenants for name in tenant.adapters):
            module = model.get_submodule(name)
            _replace(model, name, PackedLinear(getattr(module, "base", module), name, self.layout))
        for name in head_modules(first, tenants[0].head):
            _replace(model, name, PackedHead(name, self.layout))
        self.model = model
        # Jobs with adapters of one kind stand side by side, so that they can be computed as one.
        alike = sorted(tenants, key=lambda tenant: repr(sorted(tenant.kinds.items())))
        self.order = {tenant: i for i, tenant in enumerate(alike)}

    def logits(self, batches: Mapping[Tenant, Mapping[str, Tensor]], training: bool) -> dict[Tenant, Tensor]:
        """Each job's logits ``(rows, classes)``, with one graph behind all of them.

        Args:
            batches: each job's inputs, ``(rows, length)`` each; the lengths may differ.
            training: whether dropout is on.
        """
        tenants = sorted(batches, key=lambda tenant: (self.order[tenant], len(batches[tenant]["input_ids"])))
        counts = [len(batches[tenant]["input_ids"]) for tenant in tenants]
        self.layout.tenants = list(zip(tenants, counts, strict=True))
        for tenant in tenants:
            tenant.model.train(training)
        self.model.train(training)
        inputs = join([batches[tenant] for tenant in tenants], self.padding)
        logits = self.model(**inputs).logits
        return dict(zip(tenants, logits.split(counts), strict=True))


def join(batches: Sequence[Mapping[str, Tensor]], padding: Mapping[str, int]) -> dict[str, Tensor]:
    """One batch of all, padded on the right to the longest."""
    length = max(batch["input_ids"].shape[1] for batch in batches)
    return {
        name: torch.cat([F.pad(batch[name], (0, length - batch[name].shape[1]), value=value) for batch in batches])
        for name, value in padding.items()
        if name in batches[0]
    }


def head_modules(model: nn.Module, head: frozenset[str]) -> list[str]:
    """The outermost modules that consist of the head's parameters alone; together they hold all of them."""

    def outermost(prefix: str, module: nn.Module) -> Iterator[str]:
        own = [f"{prefix}{'.' if prefix else ''}{name}" for name, _ in module.named_parameters()]
        if own and head.issuperset(own):
            yield prefix
        else:
            for name, child in module.named_children():
                yield from outermost(f"{prefix}.{name}" if prefix else name, child)

    return list(outermost("", model))


def share_frozen(model: nn.Module, first: nn.Module, head: frozenset[str]) -> bool:
    """Let the model use the first one's frozen parameters, if they are the same to the bit; else change nothing.

    Returns:
        Whether it does: False where the method trains or has changed what is outside of adapters and head.
    """
    theirs, ours = _frozen(first, head), _frozen(model, head)
    if theirs.keys() != ours.keys():
        return False
    pairs = [(ours[name], theirs[name]) for name in ours]
    if any(own[2].requires_grad or not torch.equal(own[2].to(other[2].device), other[2]) for own, other in pairs):
        return False
    for (module, attribute, _), (_, _, parameter) in pairs:
        module._parameters[attribute] = parameter
    return True


def _frozen(model: nn.Module, head: frozenset[str]) -> dict[str, tuple[nn.Module, str, nn.Parameter]]:
    """Every parameter outside of adapters and head, under the name that it has without adapters."""
    found = {}
    bases = {id(adapter.base): name for name, adapter in adapters(model)}
    for path, module in model.named_modules():
        if isinstance(module, AdapterLinear):
            continue
        name = bases.get(id(module), path)
        for attribute, parameter in module.named_parameters(recurse=False):
            if f"{path}.{attribute}" not in head:
                found[f"{name}.{attribute}"] = (module, attribute, parameter)
    return found


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(parent), attribute, module)
