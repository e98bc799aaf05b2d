"""The plot of a tuning: what each method would have reached with a smaller budget of trials."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from src.plotting.palette import styles
from src.plotting.pyplot import pyplot, save


def plot_expected_best(tasks: Mapping[tuple[str, str], Mapping[str, Sequence[float]]], path: Path) -> None:
    """Write ``path`` with the endings .png and .pdf: expected best held-out score against the number of trials.

    Args:
        tasks: for each task and its metric the curve of each method.
        path: without its ending.
    """
    from matplotlib.ticker import MaxNLocator

    looks = styles(name for curves in tasks.values() for name in curves)
    figure, row = pyplot().subplots(1, len(tasks), figsize=(6.4 * len(tasks), 4), layout="constrained", squeeze=False)
    for axes, ((task, metric), curves) in zip(row[0], tasks.items(), strict=True):
        for name, curve in curves.items():
            look = looks[name]
            axes.plot(range(1, len(curve) + 1), curve, color=look.color, marker=look.marker, ms=4, label=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(title=task, xlabel="trials", ylabel=f"expected best held-out {metric}")
        axes.grid(alpha=0.3)
        axes.legend(loc="best", frameon=False)
    save(figure, path)
