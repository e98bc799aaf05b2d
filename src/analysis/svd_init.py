"""Does an init from the weight's singular vectors learn faster than a random one?

Two arms are runs that differ in their adapter's ``init`` alone (and in seed and learning rate). Each arm is judged at
the best of the learning rates that it was run with, picked on held-out rows where there are any; one rate for all would
decide the matter. The targets are what every one of these runs reaches, unless they are given.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from src.compare.grouping import held_fixed
from src.compare.settings import settings_of
from src.config.method_names import hyperparameters
from src.metrics.names import greater_is_better
from src.runs.history_reading import Line, read_history
from src.runs.reading import Run
from src.training.selection import HOLDOUT

RATES = ("training.learning_rate", "model.learning_rate")
WINDOW = 5  # logged losses that are averaged: one alone is noise


def compare_inits(
    runs: Sequence[Run], loss: float | None = None, score: float | None = None
) -> list[dict[str, Any]] | str:
    """A comparison for every set of runs that differ in ``init``, one of them from singular vectors.

    Args:
        runs: any.
        loss: the training loss to be reached; by default what every run at its arm's best rate reaches.
        score: the score to be reached, likewise.

    Returns:
        Per comparison: what is held fixed, the two targets, and each arm with its rates, its best one, and the steps
        of each seed to the targets (None where one is not reached); or why there is none.
    """
    comparable: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        adapter = run.record.adapter_config
        if "init" in adapter and _rate(run) is not None and all(_curves(run).values()):
            comparable[_all_but_init(run)][str(adapter["init"])].append(run)
    found = [
        _comparison(arms, loss, score)
        for arms in comparable.values()
        if len(arms) > 1 and any(init.startswith("svd") for init in arms)
    ]
    return found or "it needs runs that differ in nothing but the adapter's init (one of them svd), seed and rate"


def _all_but_init(run: Run) -> str:
    adapter = {key: value for key, value in hyperparameters(run.record.adapter_config).items() if key != "init"}
    training = {key: value for key, value in settings_of(run).items() if not key.startswith("model.")}
    training.pop("training.learning_rate", None)
    return repr((held_fixed(run), adapter, sorted(training.items())))


def _comparison(arms: dict[str, list[Run]], loss: float | None, score: float | None) -> dict[str, Any]:
    metric = next(iter(arms.values()))[0].record.primary_metric.name
    sign = 1 if greater_is_better(metric) else -1
    rated = {init: _by_rate(runs) for init, runs in sorted(arms.items())}
    best = {init: _best_rate(rates, sign) for init, rates in rated.items()}
    curves = {init: [_curves(run) for run in rated[init][rate]] for init, rate in best.items()}
    everyone = [curve for arm in curves.values() for curve in arm]
    if loss is None:
        loss = max(min(y for _, y in curve["loss"]) for curve in everyone)
    if score is None:
        score = sign * min(max(sign * y for _, y in curve["score"]) for curve in everyone)
    return {
        "fixed": held_fixed(next(iter(arms.values()))[0]),
        "metric": metric,
        "loss": loss,
        "score": score,
        "arms": {
            init: {
                "rates": sorted(rated[init]),
                "best_rate": best[init],
                "best_rate_on_the_edge": len(rated[init]) < 3 or best[init] in (min(rated[init]), max(rated[init])),
                "seeds": [run.seed for run in rated[init][best[init]]],
                "steps_to_loss": [first_step(curve["loss"], loss, -1) for curve in curves[init]],
                "steps_to_score": [first_step(curve["score"], score, sign) for curve in curves[init]],
                "curves": curves[init],
            }
            for init in curves
        },
    }


def _by_rate(runs: list[Run]) -> dict[float, list[Run]]:
    """Per learning rate, a run for every seed: of two with the same, the later one."""
    found: dict[float, dict[int, Run]] = defaultdict(dict)
    for run in sorted(runs, key=lambda run: str(run.record.started)):
        found[_rate(run) or 0.0][run.seed] = run
    return {rate: [by_seed[seed] for seed in sorted(by_seed)] for rate, by_seed in found.items()}


def _best_rate(runs: dict[float, list[Run]], sign: int) -> float:
    return max(runs, key=lambda rate: sign * statistics.mean(map(_picking_score, runs[rate])))


def _rate(run: Run) -> float | None:
    setting = settings_of(run)
    return next((float(rate) for key in RATES if isinstance(rate := setting.get(key), int | float)), None)


def _picking_score(run: Run) -> float:
    primary = run.record.primary_metric
    held_out = run.record.scores(HOLDOUT).get(primary.name)
    score = primary.value if held_out is None else held_out
    return math.nan if score is None else float(score)


def _curves(run: Run) -> dict[str, list[tuple[int, float]]]:
    """(step, training loss averaged over the last few logs) and (step, score on the evaluation split)."""
    history, primary = read_history(run.folder), run.record.primary_metric
    logged = [
        (line, "task_loss" if "task_loss" in line.values else "loss") for line in history if line.event == "train"
    ]
    scored = [(line, primary.name) for line in history if line.event == "eval" and line.split == primary.split]
    return {"loss": moving_mean(_numbers(logged), WINDOW), "score": _numbers(scored)}


def _numbers(named: Sequence[tuple[Line, str]]) -> list[tuple[int, float]]:
    """(step, value) of those lines in which the named value is a number."""
    found = ((line.step, line.number(name)) for line, name in named)
    return [(step, value) for step, value in found if step is not None and value is not None]


def moving_mean(curve: Sequence[tuple[int, float]], window: int) -> list[tuple[int, float]]:
    """Each value's mean with those before it, ``window`` in all; the first ones, which lack some, are left out."""
    width = min(window, len(curve))
    return [
        (curve[end][0], statistics.mean(value for _, value in curve[end - width + 1 : end + 1]))
        for end in range(width - 1, len(curve))
    ]


def first_step(curve: Sequence[tuple[int, float]], target: float, sign: int) -> int | None:
    """The first step at which ``sign * value >= sign * target``; None if there is none."""
    return next((step for step, value in curve if sign * value >= sign * target - 1e-12), None)
