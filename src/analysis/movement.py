"""How far A and B moved from where the seed put them."""

from typing import Any

from torch import Tensor

from src.analysis.trained_factors import RunFactors


def movement(runs: list[RunFactors]) -> list[dict[str, Any]]:
    """One row per run, layer and factor: ``||X - X0||_F``, and relative to ``||X0||_F`` where X0 is not zero.

    B is all heads side by side. A frozen factor has moved by exactly 0.
    """
    rows = []
    for run in runs:
        for layer, init in run.init.items():
            end = run.trained[layer]
            if init.down is None or end.down is None:
                continue
            for factor, before, after in (("A", init.down, end.down), ("B", init.up, end.up)):
                rows.append({"run": run.label, "layer": layer, "factor": factor, **_distance(before, after)})
    return rows


def _distance(before: Tensor, after: Tensor) -> dict[str, float | None]:
    moved, norm = float((after - before).norm()), float(before.norm())
    return {"moved": moved, "start_norm": norm, "relative": moved / norm if norm else None}
