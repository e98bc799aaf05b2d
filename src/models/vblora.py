"""VB-LoRA: LoRA whose factors are put together from one bank of vectors, which all layers share."""

import functools
import math
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from src.models.adapter import LowRankAdapter
from src.models.hyperparameters import Count, Dropout, Rank
from src.models.inject import match_targets
from src.models.method import Adaptation, PerLayer

BANK = "vector_bank"  # its name in the encoder
LONGEST = 256  # numbers of a vector, as in the paper


class VBLoRALinear(LowRankAdapter):
    """VB-LoRA (Li et al. 2024, arXiv 2405.15179): ``dW = B A``, both cut into vectors of ``b`` numbers.

    =========  ===================  ===============================================================
    bank       (h, b)               trained, uniform in +-0.02; one for all layers of a model
    logits_A   (r, in / b, h)       trained, normal with standard deviation 0.1
    logits_B   (r, out / b, h)      trained, likewise
    =========  ===================  ===============================================================

    Each vector of a factor is the sum of the ``topk`` vectors of the bank with the largest logits, weighted by the
    softmax over these. It does not start at the base's output, as published: both factors are small numbers.

    Args:
        base: the Linear to adapt.
        r: rank of the update, at least 1.
        num_vectors: h, the vectors in the bank.
        vector_length: b, which divides both sides; None for the largest up to 256 that does.
        topk: vectors that are mixed.
        dropout: probability of zeroing an element of x on its way to A.
        bank: the one that is shared; None makes one of the layer's own.

    Raises:
        ValueError: on a value that breaks its rule.
    """

    identity_at_start = False
    bank: nn.Parameter

    def __init__(
        self,
        base: nn.Linear,
        *,
        r: Rank,
        num_vectors: Count = 90,
        vector_length: Annotated[int | None, "int >= 1 | null"] = None,
        topk: Count = 2,
        dropout: Dropout = 0.0,
        bank: nn.Parameter | None = None,
    ) -> None:
        super().__init__(base, r=r, alpha=r, dropout=dropout)  # the paper has no scaling
        length = vector_length or common_length([base.in_features, base.out_features])
        whole = base.in_features % length == 0 == base.out_features % length
        self.check(whole, "vector_length", vector_length, "it divides both sides of the layer")
        self.check(num_vectors >= 1, "num_vectors", num_vectors, "num_vectors >= 1")
        self.check(1 <= topk <= num_vectors, "topk", topk, "1 <= topk <= num_vectors")
        self.topk = topk
        self.logits_A = self.new_parameter(r, base.in_features // length, num_vectors)
        self.logits_B = self.new_parameter(r, base.out_features // length, num_vectors)
        if bank is None:
            self.bank = self.new_parameter(num_vectors, length)
            reset_bank(self.bank)
        else:  # no parameter of this layer's: it is the model's, which saves and counts it once
            object.__setattr__(self, "bank", bank)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.logits_A, std=0.1)
        nn.init.normal_(self.logits_B, std=0.1)

    def down(self) -> Tensor:
        return self._mixed(self.logits_A)

    def up(self) -> Tensor:
        return self._mixed(self.logits_B).T

    def _mixed(self, logits: Tensor) -> Tensor:
        """(r, parts, h) logits: (r, parts * b) numbers."""
        largest, places = logits.topk(self.topk, dim=-1)
        vectors = self.bank[places]  # (r, parts, topk, b)
        return (largest.softmax(-1)[..., None] * vectors).sum(-2).flatten(1)

    @staticmethod
    def expected_parameters(
        in_features: int,
        out_features: int,
        *,
        r: int,
        num_vectors: int = 90,
        vector_length: int | None = None,
        shared: bool = False,
        **_: object,
    ) -> int:
        length = vector_length or common_length([in_features, out_features])
        logits = r * (in_features + out_features) // length * num_vectors
        return logits + (0 if shared else num_vectors * length)


class VBLoRA(PerLayer):
    """The method for a whole model: it owns the bank."""

    layer = VBLoRALinear
    packable = False
    not_packable_because = "shares a bank of vectors among its layers"

    def __init__(self, node: Mapping[str, object]) -> None:
        super().__init__(self.layer, node)

    def apply(self, model: nn.Module, head: Collection[str], exclude: Collection[str] = ()) -> Adaptation:
        length, encoder = self._length(model, exclude), model.base_model
        assert isinstance(encoder, nn.Module)
        weight = next(encoder.parameters())
        bank = nn.Parameter(torch.empty(self._num_vectors, length, dtype=weight.dtype, device=weight.device))
        reset_bank(bank)
        self.hyperparameters |= {"vector_length": length, "bank": bank}
        found = super().apply(model, head, exclude)
        encoder.register_parameter(BANK, bank)
        found.packable = False  # type: ignore[misc]
        return found

    def constructor(self, model: nn.Module) -> Callable[[nn.Linear], VBLoRALinear]:
        return functools.partial(self.layer, **self.hyperparameters)

    def size(self, model: nn.Module, head: Collection[str], exclude: Collection[str] = ()) -> int:
        length = self._length(model, exclude)
        self.hyperparameters |= {"vector_length": length, "shared": True}
        return super().size(model, head, exclude) + self._num_vectors * length

    @property
    def _num_vectors(self) -> int:
        return self.hyperparameters.get("num_vectors", 90)

    def _length(self, model: Any, exclude: Collection[str]) -> int:
        """The vectors' length: one that divides every side of every target."""
        names = match_targets(model.base_model, self.target_modules, exclude)
        layers = [model.base_model.get_submodule(name) for name in names]
        sides = [side for layer in layers for side in (layer.in_features, layer.out_features)]
        return self.hyperparameters.get("vector_length") or common_length(sides)


def common_length(sides: Collection[int]) -> int:
    """The largest number up to 256 that divides all sides."""
    common = math.gcd(*sides)
    return next(length for length in range(min(common, LONGEST), 0, -1) if common % length == 0)


def reset_bank(bank: Tensor) -> None:
    nn.init.uniform_(bank, -0.02, 0.02)


METHOD = VBLoRA
