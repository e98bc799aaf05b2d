"""The plot of a tuning: what each method would have reached with a smaller budget of trials."""

from collections.abc import Mapping
from pathlib import Path

from src.plotting.palette import styles
from src.plotting.pyplot import pyplot, save
from src.tune.trial_curves import Curves


def plot_expected_best(tasks: Mapping[tuple[str, str], Mapping[str, Curves]], path: Path) -> None:
    """Write ``path`` with the endings .png and .pdf: scores against the number of trials.

    Lines with marks are the expected best held-out score, dashed ones the dev score that goes with it; the shade is
    the band for the median of the best held-out score, as far as it has two limits.

    Args:
        tasks: for each task and its metric the curves of each method.
        path: without its ending.
    """
    from matplotlib.ticker import MaxNLocator

    looks = styles(name for curves in tasks.values() for name in curves)
    figure, row = pyplot().subplots(1, len(tasks), figsize=(6.4 * len(tasks), 4), layout="constrained", squeeze=False)
    for axes, ((task, metric), curves) in zip(row[0], tasks.items(), strict=True):
        for name, found in curves.items():
            look = looks[name]
            trials = range(1, len(found.expected_best) + 1)
            axes.plot(
                trials, found.expected_best, color=look.color, marker=look.marker, ms=4, label=f"{name}, held out"
            )
            if found.expected_dev is not None:
                axes.plot(trials, found.expected_dev, color=look.color, ls="--", lw=1, label=f"{name}, dev")
            both = [pair for pair in zip(trials, found.low, found.high, strict=True) if None not in pair]
            if both:
                axes.fill_between(*zip(*both, strict=True), color=look.color, alpha=0.12, lw=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(title=task, xlabel="trials", ylabel=f"expected {metric} of the winner")
        axes.grid(alpha=0.3)
        axes.legend(loc="best", frameon=False)
    save(figure, path)
