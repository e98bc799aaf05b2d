"""AdamW that knows which two parameters are the factors of one update: what the peft library's optimizers do.

Nothing of it is state, so a checkpoint holds what it holds for AdamW.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from src.config.optimizers import PAIRED
from src.models.pairs import Pair
from src.utils.errors import UserError

DAMPING = 1e-8  # of LoRA-FA's inverse, as published


@dataclass(frozen=True)
class PairedStep:
    """One of ``PAIRED`` with its options.

    * ``adamw_loraplus`` (LoRA+, arXiv 2402.12354): B's rate is ``ratio`` times that of A.
    * ``adamw_riemannian`` (arXiv 2402.02347): before each step A's gradient becomes ``(B^T B + reg I)^-1 g_A`` and B's
      ``g_B (A A^T + reg I)^-1``.
    * ``adamw_lorafa`` (LoRA-FA, arXiv 2308.03303), for a frozen A: B's gradient becomes
      ``g_B (A A^T)^-1 / scaling^2``, with which the step of the product is nearest to that of the whole weight. The
      AdamW is torch's; in the library it is transformers' former one, which adds epsilon elsewhere.
    """

    name: str
    options: Mapping[str, float]

    def check(self, pairs: Sequence[Pair], model: str) -> None:
        """Refuse a method that has no such factors.

        Raises:
            UserError: naming one that has.
        """
        frozen = self.name == "adamw_lorafa"
        if not any(pair.up.requires_grad and pair.down.requires_grad != frozen for pair in pairs):
            have = "a frozen A beside B: model=roberta_lorafa" if frozen else "A and B to train: model=roberta_lora"
            raise UserError(f"training.optim={self.name} is for methods with {have}; model={model} has none")

    def rates(self, pairs: Sequence[Pair]) -> dict[str, float]:
        """Parameters whose rate is a multiple of the common one."""
        return {pair.names[1]: self.options["ratio"] for pair in pairs} if "ratio" in self.options else {}

    def attach(self, optimizer: torch.optim.Optimizer, pairs: Sequence[Pair]) -> None:
        """Have gradients changed before each step, where that is what the name stands for."""
        if self.name == "adamw_riemannian":
            optimizer.register_step_pre_hook(lambda *_: _riemannian(pairs, self.options["reg"]))
        if self.name == "adamw_lorafa":
            optimizer.register_step_pre_hook(lambda *_: _nearest(pairs))


def paired_step(training: Mapping[str, Any]) -> PairedStep | None:
    """What ``training.optim`` and ``training.optim_args`` ask for, if it is one of these."""
    name = training.get("optim")
    if name not in PAIRED:
        return None
    given = (option.partition("=") for option in filter(None, (training.get("optim_args") or "").split(",")))
    return PairedStep(name, PAIRED[name] | {key.strip(): float(value) for key, _, value in given})


@torch.no_grad()
def _riemannian(pairs: Sequence[Pair], reg: float) -> None:
    for pair in pairs:
        a, b = _wide(pair.down), _wide(pair.up)
        if pair.down.grad is not None:
            pair.down.grad.copy_(_inverse(b.T @ b, reg) @ pair.down.grad.to(a.dtype))
        if pair.up.grad is not None:
            pair.up.grad.copy_(pair.up.grad.to(b.dtype) @ _inverse(a @ a.T, reg))


@torch.no_grad()
def _nearest(pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        if pair.up.grad is not None and not pair.down.requires_grad:
            a = _wide(pair.down)
            pair.up.grad.copy_(pair.up.grad.to(a.dtype) @ _inverse(a @ a.T, DAMPING) / pair.scaling**2)


def _inverse(gram: Tensor, damping: float) -> Tensor:
    """Of a small matrix that may have hardly any rank."""
    return torch.linalg.pinv(gram + damping * torch.eye(len(gram), dtype=gram.dtype, device=gram.device))


def _wide(factor: Tensor) -> Tensor:
    return factor.detach().to(torch.promote_types(factor.dtype, torch.float32))
