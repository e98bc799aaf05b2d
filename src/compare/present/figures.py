"""Static figures for papers: PDF with text that stays text, and PNG."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from src.compare.present.learning_curves import TIME_TITLE, Curve, learning_curves
from src.compare.sensitivity import Sweep, sweeps
from src.compare.tables import Comparison, Row, Table
from src.plotting.axes import zero_log
from src.plotting.palette import Style, styles
from src.runs.reading import read_again
from src.utils.files import whole
from src.utils.places import make_folder

SETTINGS: Any = {
    "font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9, "legend.fontsize": 8, "xtick.labelsize": 8,
    "ytick.labelsize": 8, "pdf.fonttype": 42, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.alpha": 0.3, "savefig.bbox": "tight", "savefig.dpi": 200, "text.parse_math": False,
}  # fmt: skip
SIZE = (5.5, 3.4)  # inches; the width of a one-column page's text
Looks = Mapping[str, Style]


def write_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Write every figure of a comparison as PDF and PNG.

    Args:
        comparison: from ``compare_runs``.
        folder: made; files of the same names are replaced.

    Returns:
        The files, in the order of the tables.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    make_folder(folder)
    looks = styles(row.method for table in comparison.tables for row in table.rows)
    written: list[Path] = []
    with mpl.rc_context(SETTINGS):
        for index, table in enumerate(comparison.tables):
            for name, height, draw in _figures(table):
                figure = Figure(figsize=(SIZE[0], height))
                FigureCanvasAgg(figure)
                axes = figure.add_subplot()
                draw(axes, looks)
                axes.set_title(table.title)
                for suffix in ("pdf", "png"):
                    written.append(folder / f"{_file_name(index, table, name)}.{suffix}")
                    with whole(written[-1]) as temporary:
                        figure.savefig(temporary, format=suffix)
    return written


def _figures(table: Table) -> list[tuple[str, float, Any]]:
    """Name, height and drawing of each figure that the table has data for."""
    found: list[tuple[str, float, Any]] = [("pareto", SIZE[1], lambda axes, looks: _pareto(axes, table, looks))]
    compared = [row for row in table.rows if row.difference]
    if compared:
        height = 1.0 + 0.24 * len(compared)
        found.append(("differences", height, lambda axes, looks: _forest(axes, table, compared, looks)))
    runs = read_again(folder for row in table.rows for folder in row.folders)
    best = {curve.method: curve for curve in reversed(learning_curves(table, runs))}  # rows come best first
    for name in ("steps", "seconds"):
        known = {method: curve for method, curve in best.items() if None not in getattr(curve, name)}
        if known:
            draw = partial(_curves, table=table, curves=known, x=name)
            found.append((f"curves_{name}", SIZE[1], lambda axes, looks, draw=draw: draw(axes, looks=looks)))
    for sweep in sweeps(table):
        name = f"sweep_{sweep.name}"
        found.append((name, SIZE[1], lambda axes, looks, sweep=sweep: _sweep(axes, table, sweep, looks)))
    return found


def _pareto(axes: Any, table: Table, looks: Looks) -> None:
    axis = zero_log([row.adapter + row.router for row in table.rows])
    placed = list(zip(axis.positions, table.rows, strict=True))
    front = sorted((x, row.mean) for x, row in placed if row.pareto)
    axes.step(*zip(*front, strict=True), where="post", color="0.3", linestyle=":", linewidth=1, zorder=1)
    for method in sorted({row.method for row in table.rows}):
        own = [(x, row) for x, row in placed if row.method == method]
        _points(axes, [x for x, _ in own], [row for _, row in own], looks[method], method)
    axes.set_xticks([at for at, _ in axis.ticks], [text for _, text in axis.ticks])
    axes.set_xlim(*axis.edges)
    axes.set_xlabel("adapter parameters, routers included (log scale)")
    _finish(axes, table)


def _points(axes: Any, x: list[float], rows: list[Row], look: Style, label: str, line: str = "none") -> None:
    below = [row.mean - row.interval.low if row.interval else 0.0 for row in rows]
    above = [row.interval.high - row.mean if row.interval else 0.0 for row in rows]
    axes.errorbar(
        x, [row.mean for row in rows], yerr=[[max(0.0, v) for v in below], [max(0.0, v) for v in above]],
        fmt=look.marker, color=look.color, linestyle=line, markersize=5, elinewidth=0.9, capsize=2, label=label,
    )  # fmt: skip


def _forest(axes: Any, table: Table, rows: list[Row], looks: Looks) -> None:
    axes.axvline(0, color="0.2", linewidth=1)
    for at, row in enumerate(reversed(rows)):
        assert row.difference
        gap, look = row.difference, looks[row.method]
        reach = [[max(0.0, gap.mean - gap.low)], [max(0.0, gap.high - gap.mean)]]
        axes.errorbar(gap.mean, at, xerr=reach, fmt=look.marker, color=look.color, markersize=5, capsize=2)
    axes.set_yticks(range(len(rows)), [row.label for row in reversed(rows)])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"difference in {table.metric} to {table.baseline}, 95 % intervals for all rows at once")


def _curves(axes: Any, table: Table, curves: Mapping[str, Curve], x: str, looks: Looks) -> None:
    for method, curve in sorted(curves.items()):
        look = looks[method]
        at = getattr(curve, x)
        axes.plot(at, curve.mean, color=look.color, marker=look.marker, linestyle=look.line, markersize=4,
                  label=curve.label)  # fmt: skip
        axes.fill_between(at, curve.low, curve.high, color=look.color, alpha=0.13, linewidth=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("step" if x == "steps" else TIME_TITLE)
    _finish(axes, table)


def _sweep(axes: Any, table: Table, sweep: Sweep, looks: Looks) -> None:
    for series in sweep.series:
        look = looks[series.method]
        _points(axes, [x for x, _ in series.best], [row for _, row in series.best], look, series.method, look.line)
    if sweep.log:
        axes.set_xscale("log")
    if len(sweep.values) <= 8:
        axes.set_xticks(sweep.values, [f"{value:g}" for value in sweep.values])
        axes.minorticks_off()
    axes.set_xlabel(sweep.name + (" (log scale)" if sweep.log else ""))
    _finish(axes, table)


def _finish(axes: Any, table: Table) -> None:
    axes.set_ylabel(table.metric)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)  # beside the data, never over them


def _file_name(index: int, table: Table, name: str) -> str:
    parts = [str(index), table.fixed["data"], table.fixed["backbone"], name]
    return re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(map(str, parts))).strip("._")[:120]
