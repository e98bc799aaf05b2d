"""Tune every arm, retrain the winners with fresh seeds, and leave what a reader needs to judge it."""

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig
from rich.console import Console

from src.compare.after_sweep import after_sweep
from src.runs.record import write_json
from src.sweep.compose import Composer, task_config
from src.sweep.sweep import check_jobs, finish, make_jobs, raise_unless_finished
from src.tune.arm import Arm, check_arms, name_arms
from src.tune.expected import expected_best
from src.tune.figure import plot_expected_best
from src.tune.space import edges
from src.tune.winner import check_writable, write_winner
from src.utils.database import SQLITE, database
from src.utils.errors import UserError
from src.utils.rich_text import Text

log = logging.getLogger(__name__)

TRIALS, RUNS, SUMMARY, PLOT = "trials", "runs", "tune.json", "expected_best"


def tune(batch: Sequence[Sequence[str]], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig) -> None:
    """Tune each combination of overrides; the same command in the same folder goes on where it was cut short.

    Args:
        batch: the overrides of each arm.
        compose: from overrides to a composed config with Hydra's node.
        launcher: runs the jobs.
        folder: for the studies, trials, winners' runs, plot and configs.
        cfg: the composed config of the command.

    Raises:
        UserError: if an arm cannot be tuned, or a winner's run failed.
        UnwritableError: if the folder, or the studies' database in it, cannot be written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = f"{SQLITE}{folder / 'study.sqlite'}"
    with database(storage):
        _tune(batch, compose, launcher, folder, cfg, storage)


def _tune(
    batch: Sequence[Sequence[str]], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig, storage: str
) -> None:
    configs = [compose(overrides) for overrides in batch]
    check_jobs(batch, [task_config(config) for config in configs])
    names = name_arms(batch, configs)
    arms = [Arm(name, list(o), config, storage) for name, o, config in zip(names, batch, configs, strict=True)]
    check_arms(arms, folder)
    for arm in arms:
        check_writable(arm.overrides, arm.config, compose)
    while _run_trials(arms, compose, launcher, folder, cfg):
        pass
    winners = {arm.name: arm.winner() for arm in arms}
    _write(arms, winners, compose, folder)
    seeds = [cfg.seed + 1 + number for number in range(cfg.tune.seeds)]
    final = [[*arm.overrides, *arm.chosen(winners[arm.name]), f"seed={seed}"] for arm in arms for seed in seeds]
    jobs = make_jobs(final, compose, folder / RUNS)
    outcomes = finish(jobs, launcher, cfg.sweep)
    after_sweep(folder / RUNS)
    _say(arms, winners, folder)
    failed = [job.name for job in jobs if outcomes[job.name].status == "failed"]
    if failed:
        raise UserError(f"{len(failed)} of the winners' {len(jobs)} runs failed: {', '.join(failed)}")
    raise_unless_finished([job.name for job in jobs], [outcomes[job.name] for job in jobs], "winners' runs")


def _run_trials(arms: Sequence[Arm], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig) -> bool:
    """Run the next trials of all arms side by side; False when no arm has any left."""
    waiting = [(arm, trial) for arm in arms for trial in arm.next_trials(cfg.tune.batch)]
    if not waiting:
        return False
    log.info("%d trials in %s", len(waiting), folder / TRIALS)
    # One job per trial, also where rounding made two trials alike.
    jobs = {
        (arm.name, trial.number): make_jobs([arm.trial_overrides(trial)], compose, folder / TRIALS)[0]
        for arm, trial in waiting
    }
    outcomes = finish(list({job.name: job for job in jobs.values()}.values()), launcher, cfg.sweep)
    judged = [arm.judge(trial, jobs[arm.name, trial.number]) for arm, trial in waiting]
    if held := {name: outcome for name, outcome in outcomes.items() if outcome.status == "skipped"}:
        raise_unless_finished(list(held), list(held.values()), "trials")
    if not any(judged):  # another round would end like this one
        reasons = (reason for key in jobs if (reason := outcomes[jobs[key].name].reason))
        raise UserError(f"none of {len(waiting)} trials came to its end: {next(reasons, 'their records say no more')}")
    return True


def _write(arms: Sequence[Arm], winners: dict[str, Any], compose: Composer, folder: Path) -> None:
    body: dict[str, dict[str, Any]] = {}
    for arm in arms:
        winner = winners[arm.name]
        scores = arm.scores()
        body[arm.name] = {
            "metric": arm.metric,
            "winner": {"params": winner.params, "holdout": winner.value, "folder": winner.user_attrs.get("folder")},
            "on_the_edge": edges(winner.params, arm.space),
            "expected_best": expected_best(scores, arm.lower_is_better),
            "trials": [
                {"number": t.number, "state": t.state.name, "params": t.params, "holdout": t.value,
                 "folder": t.user_attrs.get("folder")} for t in arm.trials()
            ],
        }  # fmt: skip
        write_winner(
            compose([*arm.overrides, *arm.chosen(winner)]),
            compose,
            folder / "conf" / "experiment" / f"{arm.name}.yaml",
            f"The best of {len(arm.trials())} trials: held-out {arm.metric} {winner.value:.4f}.",
            tuned=winner.params,
        )
    write_json(folder / SUMMARY, body)
    curves: dict[tuple[str, str], dict[str, list[float]]] = {}
    for arm in arms:
        task = curves.setdefault((arm.config.data.name, arm.metric), {})
        task[arm.name.removeprefix(f"{arm.config.data.name}_")] = body[arm.name]["expected_best"]
    plot_expected_best(curves, folder / PLOT)


def _say(arms: Sequence[Arm], winners: dict[str, Any], folder: Path) -> None:
    console = Console()
    for arm in arms:
        winner = winners[arm.name]
        states = [trial.state.name.lower() for trial in arm.trials()]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        chosen = " ".join(arm.chosen(winner))
        console.print(Text(f"{arm.name}: {counts}; best held-out {arm.metric} {winner.value:.4f} with {chosen}"))
        for warning in edges(winner.params, arm.space):
            console.print(Text(f"  take care: {warning}"))
    console.print(Text(f"Tuned in {folder}: {RUNS}/ (winners), {TRIALS}/, {SUMMARY}, {PLOT}.png, conf/experiment/"))
    for arm in arms:
        command = f"python main.py --config-dir {shlex.quote(str(folder / 'conf'))} experiment={arm.name}"
        console.print(Text(command), soft_wrap=True)
