"""What common habits would have made of a study: one seed, the best epoch of the dev set, one learning rate for all.

Recomputed from the study's own records, so every difference to the study's answer is the habit's.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

from src.compare.verdicts import BETTER, WORSE
from src.study.answer import Judged
from src.study.question import Question

RATE = "training.learning_rate"
RATES = 25  # shared rates that are tried, evenly on a log scale
Trials = Mapping[str, Sequence[tuple[float, float]]]  # by method: rate and held-out score


def one_seed(question: Question, judged: Sequence[Judged]) -> str | None:
    """What single seeds would have claimed: a difference to the baseline beyond the margin, and the best method.

    A claim is borne out if the study's verdict on the method is the same. None without a baseline or common seeds.
    """
    baseline = next((entry for entry in judged if entry.method == question.baseline), None)
    seeds = sorted(set.intersection(*(set(entry.row.seeds) for entry in judged))) if judged else []
    if baseline is None or not seeds:
        return None
    claims = wrong = 0
    for entry in judged:
        if entry is baseline or entry.finding is None:
            continue
        for seed in sorted(set(entry.row.seeds) & set(baseline.row.seeds)):
            gap = _value(entry, seed) - _value(baseline, seed)
            if abs(gap) > question.margin:
                claims += 1
                claimed = BETTER if (gap < 0) == entry.table.lower_is_better else WORSE
                wrong += claimed != entry.finding.verdict
    winners = [_best({entry.method: _value(entry, seed) for entry in judged}, baseline) for seed in seeds]
    overall = _best({entry.method: entry.row.mean for entry in judged}, baseline)
    others = [name for name in winners if name != overall]
    named = f" ({', '.join(dict.fromkeys(others))} in place of {overall})" if others else ""
    return (
        f"one seed each: {claims} differences to {question.baseline} beyond {question.margin:g} would have been "
        f"claimed, {wrong} of them are not the verdict; another method would have been the best with {len(others)} of "
        f"{len(seeds)} seeds{named}"
    )


def best_epoch(judged: Sequence[Judged]) -> str | None:
    """What picking the epoch on the dev set does to scores and their order; None where a run does not say its best."""
    gains = {e.method: e.row.best - e.row.mean for e in judged if e.row.best is not None}
    if not judged or len(gains) < len(judged):
        return None
    sign = -1 if judged[0].table.lower_is_better else 1
    picked, held = ({e.method: e.row.best for e in judged}, {e.method: e.row.mean for e in judged})
    turned = sum(
        (picked[a] - picked[b]) * (held[a] - held[b]) < 0  # type: ignore[operator]  # none is None, see above
        for a, b in combinations(picked, 2)
    )
    most = max(gains, key=lambda name: sign * gains[name])
    mean = sum(gains.values()) / len(gains)
    return (
        f"the epoch picked on the dev set: scores change by {mean:+.4f} on average, {most}'s by {gains[most]:+.4f}; "
        f"{turned} of {math.comb(len(judged), 2)} pairs change their order"
    )


def shared_rate(trials: Trials, lower_is_better: bool) -> str | None:
    """Which method would have been ahead on held-out rows with one learning rate for all.

    Args:
        trials: by method, rate and held-out score of each; a score between two rates is interpolated in log(rate).
        lower_is_better: whether the scores are errors.

    Returns:
        None if there are no rates that all methods' trials enclose.
    """
    curves = {name: sorted(own) for name, own in trials.items()}
    if len(curves) < 2 or any(len(own) < 2 for own in curves.values()):
        return None
    low, high = max(own[0][0] for own in curves.values()), min(own[-1][0] for own in curves.values())
    if not low < high:
        return None
    pick = min if lower_is_better else max
    ahead: dict[str, int] = {}
    for number in range(RATES):
        rate = low * (high / low) ** (number / (RATES - 1))
        scores = {name: interpolate(own, rate) for name, own in curves.items()}
        best = pick(scores, key=lambda name: scores[name])
        ahead[best] = ahead.get(best, 0) + 1
    own_best = {name: pick(score for _, score in own) for name, own in curves.items()}
    shares = ", ".join(
        f"{name} at {100 * count / RATES:.0f} %" for name, count in sorted(ahead.items(), key=lambda pair: -pair[1])
    )
    return (
        f"one learning rate for all, from {low:.1e} to {high:.1e}: ahead on held-out rows would be {shares} of the "
        f"rates; each at its own best rate: {pick(own_best, key=lambda name: own_best[name])}"
    )


def interpolate(points: Sequence[tuple[float, float]], rate: float) -> float:
    """The score at a rate between the first and the last of the sorted points, linear in log(rate)."""
    rate = min(max(rate, points[0][0]), points[-1][0])
    for (left, below), (right, above) in pairwise(points):
        if left <= rate <= right:
            share = 0.0 if left == right else math.log(rate / left) / math.log(right / left)
            return below + share * (above - below)
    return points[-1][1]


def _value(entry: Judged, seed: int) -> float:
    return entry.row.values[entry.row.seeds.index(seed)]


def _best(scores: Mapping[str, float], like: Judged) -> str:
    return (min if like.table.lower_is_better else max)(scores, key=lambda name: scores[name])
