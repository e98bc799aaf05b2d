"""What a tuning leaves for whoever judges it: its file, its plot, the winners' configs, and its sentences."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial
from rich.console import Console

from src.runs.record import write_json
from src.sweep.compose import Composer
from src.tune.arm import Arm
from src.tune.figure import plot_expected_best
from src.tune.method_statistics import Scores, Verdict, pooled
from src.tune.method_verdicts import sentences
from src.tune.space import edges
from src.tune.trial_curves import Curves, make_curves
from src.tune.tune_folder import PLOT, RUNS, SUMMARY, TRIALS
from src.tune.winner import write_winner
from src.utils.rich_text import Text


def write_winners(arms: Sequence[Arm], winners: Mapping[str, FrozenTrial], compose: Composer, folder: Path) -> None:
    """Each winner as an experiment config."""
    for arm in arms:
        winner = winners[arm.name]
        write_winner(
            compose([*arm.overrides, *arm.chosen(winner)]),
            compose,
            folder / "conf" / "experiment" / f"{arm.name}.yaml",
            f"The best of {len(arm.trials())} trials: held-out {arm.metric} {winner.value:.4f}.",
            tuned=winner.params,
        )


def write_summary(
    arms: Sequence[Arm],
    winners: Mapping[str, FrozenTrial],
    scores: Mapping[str, Scores | None],
    found: Mapping[str, Verdict],
    folder: Path,
) -> None:
    """``tune.json`` and the plot.

    Args:
        arms: all of them.
        winners: their best trials, by name.
        scores: of their trials, by name.
        found: verdicts by method; none yet where the winners' runs are still to come.
        folder: of the tuning.
    """
    curves = {
        arm.name: make_curves(arm.scores(), scores[arm.name], arm.lower_is_better)
        for arm in arms
        if arm.exchangeable is None
    }
    body = {
        arm.name: _entry(arm, winners[arm.name], curves.get(arm.name)) | _against(found.get(arm.method)) for arm in arms
    }
    write_json(folder / SUMMARY, body)
    if drawn := _drawn(arms, scores):
        plot_expected_best(drawn, folder / PLOT)


def _drawn(arms: Sequence[Arm], scores: Mapping[str, Scores | None]) -> dict[tuple[str, str], dict[str, Curves]]:
    """By task and method the curves of its trials, those of all its repeats."""
    found: dict[tuple[str, str], dict[str, Curves]] = {}
    for method, own in _by_method(arms).items():
        held_out = [score for arm in own for score in arm.scores()]
        curves = make_curves(held_out, pooled(scores[arm.name] for arm in own), own[0].lower_is_better)
        found.setdefault(own[0].task, {})[method.removeprefix(f"{own[0].config.data.name}_")] = curves
    return found


def _by_method(arms: Sequence[Arm]) -> dict[str, list[Arm]]:
    """Those whose trials are independent draws."""
    found: dict[str, list[Arm]] = {}
    for arm in arms:
        if arm.exchangeable is None:
            found.setdefault(arm.method, []).append(arm)
    return found


def _entry(arm: Arm, winner: FrozenTrial, curves: Curves | None) -> dict[str, Any]:
    return {
        "metric": arm.metric,
        "repeat": arm.repeat,
        "winner": {"params": winner.params, "holdout": winner.value, "folder": winner.user_attrs.get("folder")},
        "on_the_edge": edges(winner.params, arm.space),
        "no_curves": arm.exchangeable,
        "expected_best": curves and curves.expected_best,
        "expected_dev": curves and curves.expected_dev,
        "median_band": curves and {"low": curves.low, "high": curves.high, "decided_to": curves.decided_to},
        "trials": [
            {"number": t.number, "state": t.state.name, "params": t.params, "holdout": t.value,
             "folder": t.user_attrs.get("folder")} for t in arm.trials()
        ],
    }  # fmt: skip


def _against(verdict: Verdict | None) -> dict[str, Any]:
    return {"method_verdict": None if verdict is None else asdict(verdict)}


def say_summary(
    arms: Sequence[Arm], winners: Mapping[str, FrozenTrial], found: Mapping[str, Verdict], folder: Path
) -> None:
    """Print how the trials ended, each winner, what may be said of the methods, and where everything is."""
    console = Console()
    for arm in arms:
        winner = winners[arm.name]
        states = [trial.state.name.lower() for trial in arm.trials()]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        chosen = " ".join(arm.chosen(winner))
        console.print(Text(f"{arm.name}: {counts}; best held-out {arm.metric} {winner.value:.4f} with {chosen}"))
        for warning in edges(winner.params, arm.space):
            console.print(Text(f"  warning: {warning}"))
    for sentence in [*sentences(arms, found), *_of_curves(arms)]:
        console.print(Text(sentence))
    plot = "" if all(arm.exchangeable for arm in arms) else f", {PLOT}.png"
    console.print(Text(f"Tuned in {folder}: {RUNS}/ (winners), {TRIALS}/, {SUMMARY}{plot}, conf/experiment/"))
    for arm in arms:
        command = f"python main.py --config-dir {shlex.quote(str(folder / 'conf'))} experiment={arm.name}"
        console.print(Text(command), soft_wrap=True)


def _of_curves(arms: Sequence[Arm]) -> list[str]:
    if reasons := {arm.exchangeable for arm in arms if arm.exchangeable}:
        return [f"No curve over the number of trials: {'; '.join(sorted(reasons))}, and curves need independent draws."]
    held_out = [[s for arm in own for s in arm.scores()] for own in _by_method(arms).values()]
    curves = [make_curves(own, None, arms[0].lower_is_better) for own in held_out]
    decided = min(found.decided_to for found in curves)
    return [
        f"{PLOT}.png: beyond {decided} of {min(map(len, held_out))} trials the 95 % band is open towards better "
        "scores, and the curves decide nothing."
    ]
