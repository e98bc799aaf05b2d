"""How long the statistics of a table take, from answers to verdicts: ``python -m tools.statistics_speed``."""

import resource
import time

import numpy as np

from src.compare.statistics.ranks import make_panel
from src.compare.statistics.resampling import resample_examples
from src.compare.statistics.rows import Rows, Scored
from src.utils.terminal import say

SIZES = [
    (8, 5, 5_000, "accuracy"),
    (101, 5, 1_000, "accuracy"),
    (8, 5, 1_500, "spearmanr"),
    (20, 10, 40_000, "accuracy"),
    (2, 3, 1_000_000, "pearson"),
    (2, 3, 1_000_000, "spearmanr"),
    (2, 3, 1_000_000, "f1_macro"),
]
CLASSES = {"pearson": None, "spearmanr": None, "f1_macro": 77}  # two of the others
RESAMPLES, MANY = 10_000, 20  # as in src.compare.comparison


def main() -> None:
    for methods, seeds, examples, metric in SIZES:
        labels, answers = made(methods * seeds, examples, metric)
        start = time.process_time()
        judge(labels, answers, methods, metric)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        spent = time.process_time() - start
        say(f"{methods} x {seeds} x {examples:,} {metric}: {spent:.1f} s of one processor, peak so far {peak:,.0f} MB")


def made(runs: int, examples: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and answers (runs, n), right more often than not."""
    rng = np.random.default_rng(0)
    ease = rng.normal(size=examples)
    classes = CLASSES.get(metric, 2)
    if classes is None:
        labels = np.round(rng.uniform(0, 5, examples), 1)
        return labels, labels + 0.3 * ease + rng.normal(size=(runs, examples))
    labels = rng.integers(0, classes, examples)
    wrong = (labels + rng.integers(1, classes, (runs, examples))) % classes
    return labels, np.where(ease + rng.normal(size=(runs, examples)) > -1, labels, wrong)


def judge(labels: np.ndarray, answers: np.ndarray, methods: int, metric: str) -> None:
    """What `compare` computes from them."""
    resamples = RESAMPLES if methods <= MANY else RESAMPLES * MANY // methods
    panel = make_panel(metric, labels, answers, CLASSES.get(metric, 2))
    assert panel is not None
    drawn = resample_examples(panel, resamples)
    seeds = len(answers) // methods
    scored = []
    for method in range(methods):
        own = list(range(method * seeds, (method + 1) * seeds))
        one = panel.of(own)
        scored.append(Scored(dict(enumerate(one.values.tolist())), one.influence(), drawn[:, own].mean(1)))
    rows = Rows(scored, resamples=resamples)
    rows.against(0)
    rows.tied()
    for method in range(methods):
        rows.mean(method)


if __name__ == "__main__":
    main()
