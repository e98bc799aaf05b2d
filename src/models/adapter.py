"""The adapter contract: what wraps a frozen Linear, and the low-rank shape that every method here shares."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.kernels.low_rank import Recomputation, fusable, low_rank_linear
from src.models.peft_part import PeftPart


class AdapterLinear(nn.Module):
    """A frozen ``nn.Linear`` plus a trained update: ``y = base(x) + delta(x)``.

    A method declares its tensors as parameters directly on itself (made by ``new_parameter``), initialises them in
    ``reset_parameters`` and writes ``delta``. Everything else is final and lives here.

    Args:
        base: the Linear to adapt; it stays whole and is frozen.
        dropout: probability of zeroing an element of the adapter's input while training.

    Raises:
        TypeError: if base is not an ``nn.Linear``.
        ValueError: from a method's own checks; the message names value, rule and the layer's ``in -> out``.
    """

    mergeable: ClassVar[bool] = True
    not_mergeable_because: ClassVar[str] = ""
    frozen: ClassVar[tuple[str, ...]] = ()  # own tensors that are saved but not trained
    routing: ClassVar[tuple[str, ...]] = ()  # own tensors that are counted as router, not as adapter
    factors: ClassVar[tuple[str, str] | None] = None  # own tensors A and B with dW = scaling * B A, where it is that
    scaling: float = 1.0
    rates: Mapping[str, float] = {}  # own tensors whose learning rate is a multiple of the common one
    unmerged_weight: Tensor | None  # the base's weight from before merge()
    identity_at_start: bool = True  # False only in modes that reproduce a published non-identity init

    def __init__(self, base: nn.Linear, *, dropout: float = 0.0) -> None:
        super().__init__()
        if not isinstance(base, nn.Linear):
            raise TypeError(f"an adapter wraps an nn.Linear, not {type(base).__name__}")
        self.base = base.requires_grad_(False)
        self.check(0 <= dropout < 1, "dropout", dropout, "0 <= dropout < 1")
        self.dropout = dropout
        self.enabled = True
        self.register_buffer("unmerged_weight", None, persistent=False)

    # What a method writes.

    def reset_parameters(self) -> None:
        """Initialise every own tensor; afterwards ``forward(x)`` equals ``base(x)`` exactly."""
        raise NotImplementedError

    def delta(self, x: Tensor) -> Tensor:
        """The update of the output, ``(..., in_features) -> (..., out_features)``, scaling included.

        A pure function of x and of the adapter's own tensors, so that many adapters can be stacked and vmapped.
        """
        raise NotImplementedError

    def delta_weight(self) -> Tensor:
        """The update of the weight, ``(out_features, in_features)``, of a mergeable method."""
        raise NotImplementedError

    @staticmethod
    def expected_parameters(*args: Any, **kwargs: Any) -> int:
        """The number of trained values (router included), in closed form.

        A method writes it as ``(in_features, out_features, **hyperparameters)``.
        """
        raise NotImplementedError

    def auxiliary_loss(self) -> Tensor | None:
        """A weighted scalar to be added to the task's loss, or None."""
        return None

    def diagnostics(self, x: Tensor) -> dict[str, float]:
        """Numbers worth logging about the adapter's state on the inputs x, ``(tokens, in_features)``."""
        return {}

    def peft_part(self) -> PeftPart | None:
        """The adapter as the peft library saves one that computes the same; None where it has no such method."""
        return None

    # What a method uses.

    def new_parameter(self, *shape: int) -> nn.Parameter:
        """An uninitialised tensor in the base weight's dtype, on its device."""
        return nn.Parameter(torch.empty(shape, dtype=self.base.weight.dtype, device=self.base.weight.device))

    def check(self, holds: bool, name: str, value: object, rule: str) -> None:
        if not holds:
            layer = f"{self.base.in_features} -> {self.base.out_features}"
            raise ValueError(f"{name}={value!r} breaks the rule {rule} (on the layer {layer})")

    # What everyone uses.

    @final  # type: ignore[misc]
    def forward(self, x: Tensor) -> Tensor:
        return self.adapted(x) if self.enabled and not self.merged else self.base(x)

    def adapted(self, x: Tensor) -> Tensor:
        """``base(x) + delta(x)``; a family of methods may have a quicker way to the same numbers."""
        return self.base(x) + self.delta(x)

    @final
    @property
    def merged(self) -> bool:
        return self.unmerged_weight is not None

    @final
    @torch.no_grad()
    def merge(self) -> None:
        """Add the update to the base's weight. A copy is kept, so that ``unmerge`` is exact to the bit."""
        if not self.mergeable:
            raise TypeError(f"{type(self).__name__} cannot be merged: {self.not_mergeable_because}")
        if self.merged:
            raise RuntimeError("the adapter is merged already")
        self.unmerged_weight = self.base.weight.detach().clone()
        self.base.weight += self.delta_weight()

    @final
    @torch.no_grad()
    def unmerge(self) -> None:
        """Put the weight from before ``merge`` back."""
        if self.unmerged_weight is None:
            raise RuntimeError("the adapter is not merged")
        self.base.weight.copy_(self.unmerged_weight)
        self.unmerged_weight = None

    @final
    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Within the block ``forward`` is the base's alone. A merged adapter has to be unmerged first."""
        if self.merged:
            raise RuntimeError("a merged adapter cannot be disabled: unmerge it first")
        before, self.enabled = self.enabled, False
        try:
            yield
        finally:
            self.enabled = before

    @final
    def own_parameters(self) -> dict[str, nn.Parameter]:
        """The adapter's own tensors by name, frozen ones included, the base's left out."""
        return dict(self.named_parameters(recurse=False))

    @final
    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """The own tensors that are trained."""
        return {name: p for name, p in self.own_parameters().items() if name not in self.frozen}

    # A Linear's attributes, for code that asks a layer for its shape, dtype or device.

    @final
    @property
    def in_features(self) -> int:
        return self.base.in_features

    @final
    @property
    def out_features(self) -> int:
        return self.base.out_features

    @final
    @property
    def weight(self) -> Tensor:
        """The base's weight (with the update in it only while merged)."""
        return self.base.weight

    @final
    @property
    def bias(self) -> Tensor | None:
        return self.base.bias

    @final
    def extra_repr(self) -> str:
        shapes = ", ".join(f"{name}={tuple(p.shape)}" for name, p in self.own_parameters().items())
        return f"{shapes}, dropout={self.dropout}, merged={self.merged}"


class LowRankAdapter(AdapterLinear):
    """The shape that all methods here share: ``delta(x) = scaling * up @ gate(down @ dropout(x), routes @ x)``.

    A method writes ``down()`` ``(h, in_features)``, ``up()`` ``(out_features, k)`` and, where the update depends on
    the input, ``routes()`` ``(q, in_features)`` and ``gate(h, q)``. Here ``scaling = alpha / r``.
    """

    def __init__(self, base: nn.Linear, *, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__(base, dropout=dropout)
        self.check(isinstance(r, int) and r >= 1, "r", r, "r is an integer >= 1")
        self.check(alpha > 0, "alpha", alpha, "alpha > 0")
        self.r = r
        self.scaling = alpha / r

    def down(self) -> Tensor:
        raise NotImplementedError

    def up(self) -> Tensor:
        raise NotImplementedError

    def recomputation(self) -> Recomputation | None:
        """How ``down()`` and ``up()`` are made of fewer values; None where they are hardly more than the parameters."""
        return None

    def routes(self) -> Tensor | None:
        """What the gate reads of the raw input, ``(q, in_features)``; None where there is no gate."""
        return None

    def gate(self, h: Tensor, q: Tensor) -> Tensor:
        """Combine ``h = down @ dropout(x)`` as a function of ``q = routes @ x``.

        The tokens come last, ``(..., h, n), (..., q, n) -> (..., k, n)``, so that elementwise work runs over them.
        """
        raise NotImplementedError

    def gate_vjp(self, h: Tensor, q: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``gate(h, q)`` again, and the gradients that grad, its own, gives h and q.

        By autograd; a method may write it down, which spares the small tensors of a fused backward this machinery.
        """
        with torch.enable_grad():
            h, q = h.detach().requires_grad_(), q.detach().requires_grad_()
            gated = self.gate(h, q)
        grad_h, grad_q = torch.autograd.grad(gated, (h, q), grad)
        return gated.detach(), grad_h, grad_q

    @final
    def delta(self, x: Tensor) -> Tensor:
        tokens = x.reshape(-1, self.in_features)
        h = self.down() @ F.dropout(tokens, self.dropout, self.training).T
        if (routes := self.routes()) is not None:
            h = self.gate(h, routes @ tokens.T)
        # The scaling multiplies k values a token rather than out_features.
        y = F.linear((h * self.scaling).T, self.up())
        return y.view(*x.shape[:-1], -1)

    @final
    def adapted(self, x: Tensor) -> Tensor:
        """``base(x) + delta(x)`` in one pass over the output, and one over the input's gradient."""
        if (self.dropout and self.training) or not fusable(self.base):
            return super().adapted(x)
        down, up, routes = self.down(), self.up(), self.routes()
        gate: JoinedGate | None = None
        if routes is not None:
            gate, down = JoinedGate(self, len(down)), torch.cat([down, routes])
        weight: Tensor = self.base.weight
        bias: Tensor | None = self.base.bias
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight, down, up = x.to(dtype), weight.to(dtype), down.to(dtype), up.to(dtype)
            bias = bias if bias is None else bias.to(dtype)
        return low_rank_linear(x, weight, bias, down, up, self.scaling, gate, self.recomputation())

    @final
    def delta_weight(self) -> Tensor:
        return self.scaling * (self.up() @ self.down())

    @final
    def peft_part(self) -> PeftPart | None:
        """``scaling * up @ down`` is a LoRA of rank k with ``lora_alpha = scaling * k``, however they are made."""
        if not self.mergeable:
            return None
        down, up = self.down().detach(), self.up().detach()
        rank = len(down)
        settings = {"peft_type": "LORA", "r": rank, "lora_alpha": self.scaling * rank, "lora_dropout": self.dropout,
                    "fan_in_fan_out": False, "use_rslora": False}  # fmt: skip
        return PeftPart(f"a LoRA of rank {rank}", settings, {"lora_A.weight": down, "lora_B.weight": up})


@dataclass(frozen=True)
class JoinedGate:
    """A method's gate as a function of ``z = [down; routes] @ x`` alone, whose first ``width`` rows are down's."""

    adapter: LowRankAdapter
    width: int

    def __call__(self, z: Tensor) -> Tensor:
        return self.adapter.gate(*self._split(z))

    def vjp(self, z: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        gated, grad_h, grad_q = self.adapter.gate_vjp(*self._split(z), grad)
        return gated, torch.cat([grad_h, grad_q], dim=-2)

    def _split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z[..., : self.width, :], z[..., self.width :, :]
