"""The fact table: one row a method and mode, against which one contract suite runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.adapter import AdapterLinear
from src.models.c3a import C3ALinear
from src.models.dora import DoRALinear
from src.models.hydralora import HydraLoRALinear
from src.models.lora import LoRALinear
from src.models.lorafa import LoRAFALinear
from src.models.loraplus import LoRAPlusLinear
from src.models.lsr import LSRLinear
from src.models.vblora import VBLoRALinear


@dataclass(frozen=True)
class Fact:
    """What is true of a method: its class, a choice of hyperparameters, and its definition written naively."""

    cls: type[AdapterLinear]
    hp: dict
    naive: Callable[[AdapterLinear, Tensor], Tensor]  # the update of the output, from the definition alone
    trained: tuple[str, ...]
    moving: tuple[str, ...]  # tensors with a gradient other than zero at step 0
    identity: bool = True
    square_only: bool = False
    constants: bool = False  # backward takes part of the output for a constant
    wrong: dict = field(default_factory=dict)  # hyperparameters that must be refused
    anywhere: dict = field(default_factory=lambda: {"r": 2})  # hyperparameters that fit layers of any sides


def naive_lora(layer: LoRALinear, x: Tensor) -> Tensor:
    return layer.scaling * x @ (layer.B @ layer.A).T


def naive_lsr_product(layer: LSRLinear, x: Tensor) -> Tensor:
    a = sum(torch.kron(a1, a2) for a1, a2 in zip(layer.A1, layer.A2, strict=True))
    b = sum(torch.kron(b1, b2) for b1, b2 in zip(layer.B1, layer.B2, strict=True))
    return layer.scaling * x @ (b @ a).T


def naive_lsr_sum(layer: LSRLinear, x: Tensor) -> Tensor:
    terms = zip(layer.A1, layer.A2, layer.B1, layer.B2, strict=True)
    return layer.scaling * x @ sum(torch.kron(b1, b2) @ torch.kron(a1, a2) for a1, a2, b1, b2 in terms).T


def naive_hydralora(layer: HydraLoRALinear, x: Tensor) -> Tensor:
    weights = F.softmax(x @ layer.router.T, dim=-1)
    experts = [weights[..., i, None] * (x @ layer.A.T @ b.T) for i, b in enumerate(layer.B)]
    return layer.scaling * sum(experts)


def naive_vblora(layer: VBLoRALinear, x: Tensor) -> Tensor:
    def factor(logits: Tensor) -> Tensor:
        rows = []
        for row in logits:
            parts = []
            for scores in row:
                best = scores.argsort(descending=True)[: layer.topk]
                weights = scores[best].exp() / scores[best].exp().sum()
                parts.append(sum(weight * layer.bank[place] for weight, place in zip(weights, best, strict=True)))
            rows.append(torch.cat(parts))
        return torch.stack(rows)

    return x @ (factor(layer.logits_B).T @ factor(layer.logits_A)).T


def naive_c3a(layer: C3ALinear, x: Tensor) -> Tensor:
    b = layer.block
    update = torch.zeros(layer.out_features, layer.in_features, dtype=x.dtype)
    for row in range(layer.out_features):
        for column in range(layer.in_features):
            update[row, column] = layer.kernel[row // b, column // b, (column - row) % b]
    return x @ update.T / layer.in_features


def naive_dora(layer: DoRALinear, x: Tensor) -> Tensor:
    rows = []
    for weight, b, length in zip(layer.weight, layer.B, layer.magnitude, strict=True):
        row = weight + layer.scaling * b @ layer.A
        rows.append(length * row / row.square().sum().sqrt() - weight)
    return x @ torch.stack(rows).T


LOW_RANK_WRONG = {"r": (0, -1, 2.5), "alpha": (0, -1.0), "dropout": (-0.1, 1.0)}

FACTS = {
    "lora": Fact(LoRALinear, {"r": 4, "alpha": 8}, naive_lora, ("A", "B"), ("B",), wrong=LOW_RANK_WRONG),
    "lsr_product": Fact(
        LSRLinear,
        {"r": 2, "alpha": 4, "num_terms": 3},
        naive_lsr_product,
        ("A1", "A2", "B1", "B2"),
        ("B2",),
        wrong=LOW_RANK_WRONG
        | {"num_terms": (0, -3), "coupling": ("other",), "init": ("svd",), "factor_a": ([5, 5], 7), "factor_b": ([1],)},
    ),
    "lsr_sum": Fact(
        LSRLinear,
        {"r": 2, "alpha": 4, "num_terms": 3, "coupling": "sum_of_products"},
        naive_lsr_sum,
        ("A1", "A2", "B1", "B2"),
        ("B2",),
    ),
    "lsr_gaussian": Fact(
        LSRLinear,
        {"r": 2, "alpha": 8192, "num_terms": 3, "init": "gaussian"},
        naive_lsr_product,
        ("A1", "A2", "B1", "B2"),
        ("A1", "A2", "B1", "B2"),
        identity=False,
    ),
    "hydralora": Fact(
        HydraLoRALinear,
        {"r": 3, "alpha": 6, "num_experts": 4},
        naive_hydralora,
        ("A", "B", "router"),
        ("B",),
        wrong=LOW_RANK_WRONG | {"num_experts": (0, "auto")},
    ),
    "dora": Fact(
        DoRALinear,
        {"r": 4, "alpha": 8},
        naive_dora,
        ("A", "B", "magnitude"),
        ("B", "magnitude"),
        constants=True,
        wrong=LOW_RANK_WRONG,
    ),
    "loraplus": Fact(
        LoRAPlusLinear,
        {"r": 4, "alpha": 8},
        naive_lora,
        ("A", "B"),
        ("B",),
        wrong=LOW_RANK_WRONG | {"rate_ratio": (0, -1.0)},
    ),
    "c3a": Fact(
        C3ALinear,
        {"divisions": 2},
        naive_c3a,
        ("kernel",),
        ("kernel",),
        wrong={"divisions": (0, -1, 2.5, 3), "dropout": (-0.1, 1.0), "rate_ratio": (0, -1.0)},
        anywhere={"divisions": 1},
    ),
    "vblora": Fact(
        VBLoRALinear,
        {"r": 3, "num_vectors": 6},
        naive_vblora,
        ("logits_A", "logits_B", "bank"),
        ("logits_A", "logits_B", "bank"),
        identity=False,
        wrong={"r": (0, -1, 2.5), "dropout": (-0.1, 1.0), "vector_length": (7,), "num_vectors": (0,), "topk": (0, 7)},
    ),
    **{
        f"lorafa_{init}": Fact(
            LoRAFALinear,
            {"r": 4, "alpha": 8, "init": init},
            naive_lora,
            ("B",),
            ("B",),
            identity=init != "svd_additive",
            square_only=init == "svd_additive",
            wrong=LOW_RANK_WRONG | {"init": ("pissa",), "penalty": (-0.5,)},
        )
        for init in ("kaiming", "orthogonal", "svd", "svd_scaled", "orthogonal_scaled", "svd_additive")
    },
}


def make(name: str, in_features: int = 48, out_features: int = 20, *, seed: int = 0, **kwargs) -> AdapterLinear:
    """An adapter of the table on a fresh Linear; a square one where the method fits no other."""
    fact = FACTS[name]
    dtype = kwargs.pop("dtype", torch.float32)
    bias = kwargs.pop("bias", True)
    torch.manual_seed(seed)
    out_features = in_features if fact.square_only else out_features
    return fact.cls(nn.Linear(in_features, out_features, bias=bias, dtype=dtype), **(fact.hp | kwargs))


def perturb(layer: AdapterLinear, std: float = 0.3) -> AdapterLinear:
    """Move every own tensor away from its start, as training would."""
    with torch.no_grad():
        for parameter in layer.own_parameters().values():
            parameter += std * torch.randn_like(parameter)
    return layer
