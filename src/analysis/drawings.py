"""The pictures of an analysis, as PNG and PDF. matplotlib is imported only when one is drawn."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.plotting.pyplot import pyplot, save

LAYERS_NAMED = 24  # more names on an axis cannot be read


def draw_spectra(rows: list[dict[str, Any]], path: Path) -> None:
    """Left: singular values over their number, each run's mean over layers and experts. Right: effective ranks."""
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(12, 4.5), layout="constrained", width_ratios=(2, 3))
    for i, (run, own) in enumerate(_by(rows, "run").items()):
        width = max(len(row["singular_values"]) for row in own)
        values = np.full((len(own), width), np.nan)
        for line, row in zip(values, own, strict=True):
            line[: len(row["singular_values"])] = row["singular_values"]
        left.plot(range(1, width + 1), np.nanmean(values, axis=0), **_style(i))
        layers = _by(own, "layer")
        ranks = [np.mean([row["effective_rank"] for row in of_layer]) for of_layer in layers.values()]
        right.plot(range(len(layers)), ranks, label=run, **_style(i))
    left.set(xlabel="number", ylabel="singular value of dW (mean over layers)", yscale="log")
    right.set(ylabel="effective rank of dW", ylim=(0, None))
    _name_layers(right, list(_by(rows, "layer")))
    _finish((left, right))
    _legend(figure, right)
    save(figure, path)


def draw_movement(rows: list[dict[str, Any]], spectra: list[dict[str, Any]], path: Path) -> None:
    """Left: A's relative movement by layer. Middle: B's movement. Right: the update's size against the weight."""
    figure, axes = pyplot().subplots(1, 3, figsize=(14, 4.5), layout="constrained")
    runs = list(_by(spectra, "run"))
    layers = list(_by(spectra, "layer"))
    for i, run in enumerate(runs):
        own = {(row["layer"], row["factor"]): row for row in rows if row["run"] == run}
        sizes = {row["layer"]: row["relative_to_weight"] for row in spectra if row["run"] == run}
        for ax, values in (
            (axes[0], [own.get((layer, "A"), {}).get("relative") for layer in layers]),
            (axes[1], [own.get((layer, "B"), {}).get("moved") for layer in layers]),
            (axes[2], [sizes.get(layer) for layer in layers]),
        ):
            ax.plot(range(len(layers)), _numbers(values), label=run, **_style(i))
    axes[0].set(ylabel="||A - A0|| / ||A0||", ylim=(0, None))
    axes[1].set(ylabel="||B - B0||", ylim=(0, None))
    axes[2].set(ylabel="||dW|| / ||W||", ylim=(0, None))
    for ax in axes:
        _name_layers(ax, layers)
    _finish(axes)
    _legend(figure, axes[2])
    save(figure, path)


def draw_subspaces(rows: list[dict[str, Any]], path: Path) -> None:
    """phi between every two runs, averaged over layers: A's row spaces and B's column spaces."""
    labels = list(dict.fromkeys(label for row in rows for label in row["runs"]))
    names = [textwrap.fill(label, 40) for label in labels]
    size = max(4.0, 1.2 + 0.45 * len(labels))
    figure, axes = pyplot().subplots(1, 2, figsize=(2 * size + 2.5, size + 1.2), layout="constrained", sharey=True)
    for ax, factor in zip(axes, "AB", strict=True):
        table = np.full((len(labels), len(labels)), np.nan)
        np.fill_diagonal(table, 1.0)
        for pair, own in _by([row for row in rows if row["factor"] == factor], "runs").items():
            values = [row["phi"] for row in own if row["phi"] is not None]
            i, j = (labels.index(label) for label in pair)
            table[i, j] = table[j, i] = np.mean(values) if values else np.nan
        image = ax.imshow(table, vmin=0, vmax=1, cmap="viridis")
        for i, j in np.ndindex(table.shape):
            if np.isfinite(table[i, j]) and len(labels) <= 16:
                shade = "white" if table[i, j] < 0.6 else "black"
                ax.text(j, i, f"{table[i, j]:.2f}", ha="center", va="center", color=shade, fontsize=7)
        chance = np.mean([row["phi_of_random"] for row in rows if row["factor"] == factor and row["phi"] is not None])
        spaces = "row spaces of A" if factor == "A" else "column spaces of B"
        ax.set_title(f"{spaces} (random: {chance:.2f})", fontsize=10)
        ax.set_xticks(range(len(labels)), names, rotation=45, ha="right", fontsize=7)
        ax.set_yticks(range(len(labels)), names, fontsize=7)
    figure.colorbar(image, ax=axes, label="phi, mean over layers", shrink=0.8)
    save(figure, path)


def draw_breakdown(found: dict[str, Any], path: Path) -> None:
    """t-SNE of A's and of B's, coloured by task, marked by seed; and phi of A and B for every control."""
    plt = pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained", width_ratios=(3, 3, 4))
    for ax, factor in zip(axes, "AB", strict=False):
        points = found["tsne"][factor]
        extra = " and expert" if factor == "B" and found["experts"] > 1 else ""
        ax.set(title=f"t-SNE of every {factor}, one for each layer{extra}", xticks=[], yticks=[])
        if isinstance(points, str):
            ax.text(0.5, 0.5, points, ha="center", transform=ax.transAxes, wrap=True)
            continue
        seeds = sorted({point["seed"] for point in points["points"]})
        for c, task in enumerate(found["tasks"]):
            for marker, seed in zip("o^svPX*D" * len(seeds), seeds, strict=False):
                own = [p for p in points["points"] if (p["task"], p["seed"]) == (task, seed)]
                if own:  # hollow, so that of points which coincide both can be seen
                    ax.scatter([p["x"] for p in own], [p["y"] for p in own], s=30 + 40 * (c % 3), marker=marker,
                               facecolors="none", edgecolors=f"C{c}", label=f"{task}, seed {seed}")  # fmt: skip
    _legend(figure, axes[1])
    controls = found["similarity"]
    for offset, factor, shade in ((-0.2, "A", "C0"), (0.2, "B", "C1")):
        own = [(i, numbers[factor]) for i, numbers in enumerate(controls.values()) if factor in numbers]
        places = [i + offset for i, _ in own]
        heights, errors = [n["mean"] for _, n in own], [n["std"] for _, n in own]
        axes[2].bar(places, heights, 0.38, yerr=errors, capsize=3, color=shade, label=factor)
        for place, (_, numbers) in zip(places, own, strict=True):
            chance = numbers["chance"]
            name = "random spaces" if place == places[0] and factor == "A" else None
            axes[2].plot([place - 0.19, place + 0.19], [chance] * 2, color="black", linestyle=":", label=name)
    names = [name.replace("_", " ").replace(" seed ", " seed,\n") for name in controls]
    axes[2].set_xticks(range(len(names)), names, fontsize=8)
    axes[2].set(ylabel="phi, mean over layers", ylim=(0, 1.05), title="similarity of two runs' spaces")
    axes[2].legend(fontsize=8)
    figure.suptitle(found["verdict"], fontsize=10, wrap=True)
    save(figure, path)


def draw_router(rows: list[dict[str, Any]], path: Path) -> None:
    """Load of every expert, entropy, and cosine of the heads over training."""
    figure, axes = pyplot().subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    for i, row in enumerate(rows):
        experts = [name for name in row if name.startswith("load_")]
        for expert in experts:
            label = row["run"] if expert == experts[0] else None
            axes[0].plot(row["step"], _numbers(row[expert]), label=label, **_style(i))
        if experts:
            axes[0].axhline(1 / len(experts), color="black", linewidth=0.8, linestyle=":")
        for ax, name in ((axes[1], "router_entropy"), (axes[2], "head_cosine")):
            if name in row:
                ax.plot(row["step"], _numbers(row[name]), label=row["run"], **_style(i))
    axes[0].set(ylabel="load of each expert (dotted: equal)")
    axes[1].set(ylabel="router entropy (1 = uniform)")
    axes[2].set(ylabel="mean cosine between heads")
    for ax in axes:
        ax.set_xlabel("step")
    _finish(axes)
    _legend(figure, axes[0])
    save(figure, path)


def draw_inits(found: dict[str, Any], path: Path) -> None:
    """Loss and score over the steps, each init at its best rate: a line per seed, and the targets."""
    figure, axes = pyplot().subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for i, (init, arm) in enumerate(found["arms"].items()):
        for number, curves in enumerate(arm["curves"]):
            label = f"init={init}, rate {arm['best_rate']:g}" if number == 0 else None
            for ax, what in zip(axes, ("loss", "score"), strict=True):
                marker = "." if what == "score" else ""
                ax.plot(*zip(*curves[what], strict=True), color=f"C{i}", alpha=0.8, marker=marker, label=label)
    for ax, what in zip(axes, ("loss", "score"), strict=True):
        ax.axhline(found[what], color="black", linewidth=0.8, linestyle=":")
    axes[0].set(xlabel="step", ylabel="training loss (moving mean; dotted: target)")
    axes[1].set(xlabel="step", ylabel=f"{found['metric']} (dotted: target)")
    _finish(axes)
    axes[0].legend(fontsize=8)
    save(figure, path)


def _by(rows: Sequence[dict[str, Any]], key: str) -> dict[Any, list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        value = tuple(row[key]) if isinstance(row[key], list) else row[key]
        groups.setdefault(value, []).append(row)
    return groups


def _style(number: int) -> dict[str, Any]:
    """Of the curve of one run: another colour, and after ten of them another line."""
    return {"marker": ".", "color": f"C{number % 10}", "linestyle": ("-", "--", ":", "-.")[number // 10 % 4]}


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _name_layers(ax: Any, layers: list[str]) -> None:
    """What tells the layers apart, without the parts that all of them share."""
    parts = [layer.split(".") for layer in layers]
    shared = (
        {i for i in range(min(map(len, parts))) if len({part[i] for part in parts}) == 1} if len(layers) > 1 else set()
    )
    names = [".".join(word for i, word in enumerate(part) if i not in shared) for part in parts]
    step = -(-len(names) // LAYERS_NAMED)
    ax.set_xticks(range(0, len(names), step), names[::step], rotation=45, ha="right", fontsize=7)


def _finish(axes: Sequence[Any]) -> None:
    for ax in axes:
        ax.grid(alpha=0.3)


def _legend(figure: Any, ax: Any) -> None:
    """Below the axes: beside the curves there is no room for the names of many runs."""
    handles, labels = ax.get_legend_handles_labels()
    labels = [textwrap.fill(label, 60) for label in labels]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), fontsize=8, frameon=False)
