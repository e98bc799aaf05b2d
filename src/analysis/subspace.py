"""Whether two factors span the same directions, whatever basis they are written in."""

import itertools
from typing import Any

import torch
from torch import Tensor

from src.analysis.trained_factors import RunFactors, paired


def orthonormal_basis(columns: Tensor) -> Tensor:
    """An orthonormal basis ``(n, rank)`` of the span of the columns of ``(n, k)``; directions of no size are left out.

    A direction counts if its singular value exceeds ``max(n, k) * eps(float32)`` of the largest: factors are trained in
    float32.
    """
    u, s, _ = torch.linalg.svd(columns.double(), full_matrices=False)
    floor = s.max() * max(columns.shape) * torch.finfo(torch.float32).eps
    return u[:, s > floor]


def principal_cosines(first: Tensor, second: Tensor) -> Tensor:
    """Cosines of the principal angles between the column spaces of two orthonormal bases, in descending order."""
    return torch.linalg.svdvals(first.T @ second).clamp(max=1.0)


def phi(first: Tensor, second: Tensor) -> float | None:
    """``||U1^T U2||_F^2 / min(r1, r2)`` of two orthonormal bases ``(n, r)``: the mean squared cosine.

    1 if one space holds the other, 0 if they are orthogonal; random spaces have max(r1, r2) / n on average. Invariant
    to any change of basis within the factors (LoRA, section 7.2, arXiv 2106.09685). None if a space is empty.
    """
    smaller = min(first.shape[1], second.shape[1])
    return float((first.T @ second).square().sum()) / smaller if smaller else None


def compare(first: Tensor, second: Tensor) -> dict[str, Any]:
    """phi, the principal angles in degrees (ascending), and what phi random spaces of these ranks would have.

    Args:
        first: a matrix ``(n, k1)`` whose column space is compared.
        second: another one, ``(n, k2)``.
    """
    u1, u2 = orthonormal_basis(first), orthonormal_basis(second)
    similarity = phi(u1, u2)
    return {
        "ranks": [u1.shape[1], u2.shape[1]],
        "phi": similarity,
        "phi_of_random": None if similarity is None else max(u1.shape[1], u2.shape[1]) / len(u1),
        "angles_degrees": [] if similarity is None else torch.rad2deg(principal_cosines(u1, u2).arccos()).tolist(),
    }


def subspaces(runs: list[RunFactors]) -> list[dict[str, Any]]:
    """One row per pair of runs on one backbone, common layer and factor: A's row spaces, B's column spaces."""
    rows = []
    for one, other in itertools.combinations(runs, 2):
        if one.run.record.backbone_fingerprint != other.run.record.backbone_fingerprint:
            continue
        for layer in paired(one.trained, other.trained):
            first, second = one.trained[layer], other.trained[layer]
            if first.down is None or second.down is None:
                continue
            pair = {"runs": [one.label, other.label], "layer": layer}
            rows.append({**pair, "factor": "A", **compare(first.down.T, second.down.T)})
            rows.append({**pair, "factor": "B", **compare(first.up, second.up)})
    return rows
