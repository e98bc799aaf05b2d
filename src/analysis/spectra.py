"""Singular values and effective rank of every update."""

from typing import Any

import torch
from torch import Tensor

from src.analysis.trained_factors import Factors, RunFactors


def effective_rank(singular_values: Tensor) -> float:
    """``exp(H(p))`` with ``p_i = s_i / sum_j s_j`` and Shannon's entropy H (Roy and Vetterli 2007).

    Between 1 (one direction) and the number of nonzero values (all equal); 0 for the zero matrix.
    """
    positive = singular_values[singular_values > 0].double()
    if not len(positive):
        return 0.0
    p = positive / positive.sum()
    return float(torch.exp(-(p * p.log()).sum()))


def singular_values(factors: Factors) -> list[Tensor]:
    """Of every expert's dW ``(out, in)``, in descending order.

    ``s B A`` has those of ``s R_B R_A^T`` (k x k) from the QR decompositions of B and A^T, at a fraction of the cost.
    """
    if factors.down is None:
        return [torch.linalg.svdvals(update) for update in factors.updates]
    right = torch.linalg.qr(factors.down.T).R.T
    return [factors.scaling * torch.linalg.svdvals(torch.linalg.qr(head).R @ right) for head in factors.heads]


def spectra(runs: list[RunFactors]) -> list[dict[str, Any]]:
    """One row per run, layer and expert: singular values, effective rank, and the update's size against the weight."""
    return [
        {
            "run": run.label,
            "layer": layer,
            "expert": expert if len(factors.updates) > 1 else None,
            "singular_values": values.tolist(),
            "effective_rank": effective_rank(values),
            "rank": int((values > values.max() * max(update.shape) * torch.finfo(torch.float32).eps).sum()),
            "relative_to_weight": float(update.norm()) / factors.weight_norm,
        }
        for run in runs
        for layer, factors in run.trained.items()
        for expert, (values, update) in enumerate(zip(singular_values(factors), factors.updates, strict=True))
    ]
