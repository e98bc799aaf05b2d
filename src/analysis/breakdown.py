"""HydraLoRA's Figure 2 with the controls that it lacks: are A's alike over tasks, or only because of a common init?

The figure (arXiv 2404.19245) shows by t-SNE that the A's of LoRAs trained on different tasks lie together while the B's
lie apart, and concludes that A holds what tasks share. All its runs had one seed, so their A's also began at the very
same values. Ban and Ji (arXiv 2509.25414) find A's of different seeds dissimilar even on the same task. Here every pair
of runs is sorted by whether seed and task agree, and compared by ``phi``, which no rotation of the factors changes.
"""

import itertools
import statistics
from collections import defaultdict
from typing import Any

import numpy as np

from src.analysis.subspace import compare
from src.analysis.trained_factors import RunFactors, paired

TSNE_SEED = 0
NEAR = 0.2  # of the similarity above chance: less is none, all but as much is all


def breakdown(runs: list[RunFactors]) -> list[dict[str, Any]] | str:
    """Per kind of run with two or more tasks: pairs by control, the verdict, and t-SNE's points.

    Returns:
        The numbers, or why there are none.
    """
    usable = [run for run in runs if any(factors.down is not None for factors in run.trained.values())]
    kinds = {run.kind: [other for other in usable if other.kind == run.kind] for run in usable}
    found: list[dict[str, Any]] = []
    for members in kinds.values():
        tasks = sorted({run.task for run in members})
        if len(tasks) > 1:
            similarities = _similarities(members)
            found.append(
                {
                    "method": str(members[0].run.method),
                    "runs": [run.label for run in members],
                    "tasks": tasks,
                    "experts": max(len(factors.heads) for factors in members[0].trained.values()),
                    "similarity": similarities,
                    "verdict": verdict(similarities),
                    "tsne": {factor: tsne(members, factor) for factor in ("A", "B")},
                }
            )
    tasks = sorted({run.task for run in usable})
    return found or (
        "it needs low-rank runs of one method, adapter and backbone on two or more tasks; "
        f"there are runs on: {', '.join(tasks) or 'none'}"
    )


def _similarities(runs: list[RunFactors]) -> dict[str, dict[str, dict[str, float]]]:
    """control -> factor -> mean, std, pairs (of runs) and chance; the std is over pairs, each a mean over layers."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for one, other in itertools.combinations(runs, 2):
        control = " ".join(
            f"{'same' if same else 'different'}_{what}"
            for what, same in (("seed", one.seed == other.seed), ("task", one.task == other.task))
        )
        for factor, numbers in _pair(one.trained, other.trained).items():
            found[control, factor].append(numbers)
        if one.init and other.init:
            for factor, numbers in _pair(one.init, other.init).items():
                found[control, f"{factor} at the start"].append(numbers)
    table: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (control, factor), pairs in sorted(found.items()):
        values = [value for value, _ in pairs]
        table[control][factor] = {
            "mean": statistics.mean(values),
            "std": statistics.stdev(values) if len(values) > 1 else 0.0,
            "pairs": len(values),
            "chance": statistics.mean(chance for _, chance in pairs),
        }
    return dict(table)


def _pair(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Mean phi over the common layers, and its mean for random spaces; a factor that is zero has none."""
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for layer in paired(one, other):
        a, b = one[layer], other[layer]
        if a.down is None or b.down is None:
            continue
        for factor, first, second in (("A", a.down.T, b.down.T), ("B", a.up, b.up)):
            numbers = compare(first, second)
            if numbers["phi"] is not None:
                rows[factor].append((numbers["phi"], numbers["phi_of_random"]))
    return {factor: tuple(np.mean(row, axis=0).tolist()) for factor, row in rows.items()}


def verdict(similarities: dict[str, dict[str, dict[str, float]]]) -> str:
    """What the controls say about A, in words."""
    same = similarities.get("same_seed different_task", {}).get("A")
    controls = [similarities.get(f"different_seed {task}", {}).get("A") for task in ("same_task", "different_task")]
    other = next((numbers for numbers in controls if numbers), None)
    if same is None or other is None:
        missing = "one seed on two tasks" if same is None else "a second seed, as HydraLoRA's figure has none either"
        return f"Whether A's are alike because of their common init cannot be told: that needs {missing}."
    began = [similarities[f"different_seed {task}"].get("A at the start") for task in ("same_task", "different_task")
             if f"different_seed {task}" in similarities]  # fmt: skip
    if any(start and start["mean"] > 1 - NEAR for start in began):
        return (
            "Whether A's are alike because of their common init cannot be told: A's init is the same with every seed."
        )
    numbers = (
        f"A's of different tasks: phi {same['mean']:.2f} with the same seed ({same['pairs']:.0f} pairs); of different "
        f"seeds: {other['mean']:.2f} ({other['pairs']:.0f} pairs); random spaces: {other['chance']:.2f}"
    )
    room = 1 - same["chance"]
    if same["mean"] - same["chance"] < NEAR * room:
        return f"A's of different tasks are not alike even with a common init. {numbers}."
    left = (other["mean"] - other["chance"]) / (same["mean"] - same["chance"])
    if left < NEAR:
        return f"A's are alike only because of their common init: another seed leaves next to nothing. {numbers}."
    if left > 1 - NEAR:
        return f"A's are alike whatever their init: they hold what the tasks share. {numbers}."
    return f"A's are alike partly because of their common init: another seed leaves {100 * left:.0f} %. {numbers}."


def tsne(runs: list[RunFactors], factor: str) -> dict[str, Any] | str:
    """Two-dimensional points of all A's, or of all B's (of every expert), flattened, as in HydraLoRA's figure.

    Args:
        runs: at least two.
        factor: A or B.

    Returns:
        The points with run, layer and expert, or why there are none. Of matrices of different shapes, those of the
        commonest are taken, and the number of others is given.
    """
    from sklearn.manifold import TSNE

    items = [
        ({"run": run.label, "task": run.task, "seed": run.seed, "layer": layer, "expert": expert}, matrix)
        for run in runs
        for layer, factors in run.trained.items()
        if factors.down is not None
        for expert, matrix in enumerate([factors.down] if factor == "A" else factors.heads)
    ]
    shapes = [tuple(matrix.shape) for _, matrix in items]
    shape = max(sorted(set(shapes)), key=shapes.count)
    chosen = [(name, matrix.flatten().numpy()) for name, matrix in items if tuple(matrix.shape) == shape]
    if len(chosen) < 5:
        return f"t-SNE of {len(chosen)} matrices would show nothing"
    perplexity = min(30.0, (len(chosen) - 1) / 3)
    flat = np.stack([matrix for _, matrix in chosen])
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=TSNE_SEED).fit_transform(flat)
    return {
        "shape": list(shape),
        "left_out": len(items) - len(chosen),
        "perplexity": perplexity,
        "points": [{**name, "x": float(x), "y": float(y)} for (name, _), (x, y) in zip(chosen, points, strict=True)],
    }
