"""A tuning's verdicts on its methods, by task, and in words."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from src.sweep.sweep_job import SweepJob
from src.tune.arm import Arm
from src.tune.method_statistics import (
    LEAST_REPEATS,
    LEAST_TRIALS,
    LEVEL,
    Scores,
    Verdict,
    by_repeats,
    by_trials,
    pooled,
)

SETTINGS = (
    "The comparison of the winners' runs is about these settings, not the methods: another tuning with other draws may "
    "find others."
)


def verdicts(
    arms: Sequence[Arm], scores: Mapping[str, Scores | None], jobs: Mapping[str, Sequence[SweepJob]]
) -> dict[str, Verdict]:
    """By the arms' methods, each against the first of its task; nothing where the tuning's design supports none.

    Args:
        arms: all of them, repeats and all.
        scores: of their trials, by the arm's name.
        jobs: the winners' runs, by the arm's name.
    """
    tasks: dict[tuple[str, str], dict[str, list[Arm]]] = defaultdict(lambda: defaultdict(list))
    for arm in arms:
        tasks[arm.task][arm.method].append(arm)
    found: dict[str, Verdict] = {}
    for methods in tasks.values():
        found |= _of_repeats(methods, jobs) or _of_trials(methods, scores)
    return found


def _of_repeats(methods: Mapping[str, Sequence[Arm]], jobs: Mapping[str, Sequence[SweepJob]]) -> dict[str, Verdict]:
    means = {
        method: [_mean([_score(job) for job in jobs.get(arm.name, ())]) for arm in repeats]
        for method, repeats in methods.items()
    }
    complete = {method: [value for value in values if value is not None] for method, values in means.items()}
    if len(methods) < 2 or any(len(complete[method]) < len(values) for method, values in means.items()):
        return {}
    return by_repeats(complete)


def _of_trials(methods: Mapping[str, Sequence[Arm]], scores: Mapping[str, Scores | None]) -> dict[str, Verdict]:
    arms = [arm for repeats in methods.values() for arm in repeats]
    found = {method: pooled(scores.get(arm.name) for arm in repeats) for method, repeats in methods.items()}
    known = {method: trials for method, trials in found.items() if trials is not None}
    if len(known) < len(found) or any(arm.exchangeable for arm in arms):
        return {}
    return by_trials(known, arms[0].lower_is_better)


def _score(job: SweepJob) -> float | None:
    return job.record().primary_metric.value


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def sentences(arms: Sequence[Arm], found: Mapping[str, Verdict]) -> list[str]:
    """What may be said of the methods, and what may not."""
    of_methods = {arm.method: arm for arm in arms}
    said = [_verdict(method, verdict, of_methods[method]) for method, verdict in found.items()]
    if not said and len(of_methods) > 1:
        said = [f"No verdict on the methods: {_reason(arms[0])}."]
    return [SETTINGS, *said]


def _reason(arm: Arm) -> str:
    if arm.exchangeable is not None:
        return f"{arm.exchangeable}; tune.repeats={LEAST_REPEATS} would allow one"
    return f"it needs {LEAST_TRIALS} trials of each and their runs, or tune.repeats={LEAST_REPEATS}"


def _verdict(method: str, verdict: Verdict, arm: Arm) -> str:
    gap = verdict.difference
    better = (gap < 0) == arm.lower_is_better
    word = "no difference shown" if verdict.p > 1 - LEVEL else "better" if better else "worse"
    if verdict.design == "repeats":
        basis = f"over {verdict.repeats} independent tunings"
    else:
        basis = f"expected of the winner of {verdict.trials} trials, on this dev set"
    return (
        f"The methods, {basis}: {method} against {verdict.baseline}: {word}, {arm.metric} {gap:+.4f} "
        f"[{verdict.low:+.4f}, {verdict.high:+.4f}], p {verdict.p:.2g}."
    )
