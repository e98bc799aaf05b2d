"""Figures of the benchmark: step time against tokens, sizes and packed jobs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.plotting.palette import styles
from src.plotting.pyplot import pyplot, save
from src.utils.places import make_folder

Rows = Sequence[Mapping[str, Any]]
# Part -> the quantity on the x axis, that on the y axis, and the titles of both.
AXES = {
    "tokens": ("tokens", "ms", "tokens in a batch", "step time in ms"),
    "sizes": ("size", "ratio", "rank, terms or experts", "step time over the floor's"),
    "packed": ("jobs", "speedup", "jobs over one backbone", "speed over one job after the other"),
}


def plot(parts: Mapping[str, Rows], folder: Path) -> list[Path]:
    """Draw what was measured; returns the PNG files (each has a PDF beside it)."""
    make_folder(folder)
    written = []
    for part, (x, y, x_title, y_title) in AXES.items():
        if not (rows := parts.get(part)):
            continue
        lines: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            label = row.get("key") or row["arm"]
            lines[f"{label}, {row['targets']}" if part == "packed" else label].append(row)
        figure, axes = pyplot().subplots(figsize=(5.5, 3.6), layout="constrained")
        for label, look in styles(lines).items():
            own = sorted(lines[label], key=lambda row: row[x])
            axes.plot([row[x] for row in own], [row[y] for row in own], color=look.color, marker=look.marker,
                      linestyle=look.line, markersize=4, label=label)  # fmt: skip
            if y == "ratio":
                low, high = zip(*(row["ratio_quartiles"] for row in own), strict=True)
                axes.fill_between([row[x] for row in own], low, high, color=look.color, alpha=0.13, linewidth=0)
        if part != "tokens":
            axes.set_xscale("log", base=2)
            ticks = sorted({row[x] for row in rows})
            axes.set_xticks(ticks, [str(tick) for tick in ticks])
            axes.axhline(1, color="0.6", linewidth=0.8)
        axes.set_xlabel(x_title), axes.set_ylabel(y_title)
        axes.grid(alpha=0.3), axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, ncols=2 if len(lines) > 6 else 1)
        save(figure, folder / part)
        written.append(folder / f"{part}.png")
    return written
