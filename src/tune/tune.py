"""Tune every arm, retrain the winners with fresh seeds, and leave what a reader needs to judge it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import optuna
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig
from optuna.trial import FrozenTrial

from src.compare.after_sweep import after_sweep
from src.sweep.compose import Composer, task_config
from src.sweep.sweep import check_jobs, finish, make_jobs, raise_unless_finished
from src.tune.arm import Arm, check_arms, name_arms, repeated
from src.tune.method_verdicts import verdicts
from src.tune.summary import say_summary, write_summary, write_winners
from src.tune.trials import trial_scores
from src.tune.tune_folder import RUNS, TRIALS
from src.tune.winner import check_writable
from src.utils.database import SQLITE, database
from src.utils.errors import UserError
from src.utils.places import make_folder

log = logging.getLogger(__name__)


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
    with _studies(folder) as storage:
        _tune(batch, compose, launcher, folder, cfg, storage)


def tune_arms(
    names: Sequence[str], batch: Sequence[Sequence[str]], compose: Composer, launcher: Launcher, folder: Path,
    cfg: DictConfig,
) -> list[list[str]]:  # fmt: skip
    """The trials alone: what each arm's best one has set, as overrides; ``tune.json`` says how that was found.

    Args:
        names: of the arms.
        batch: the overrides of each, ``tune.trials`` and the like among them.

    Raises:
        UserError: if an arm cannot be tuned.
        UnwritableError: if the folder, or the studies' database in it, cannot be written.
    """
    make_folder(folder)
    with _studies(folder) as storage:
        configs = [compose(overrides) for overrides in batch]
        arms = [Arm(name, list(o), config, storage) for name, o, config in zip(names, batch, configs, strict=True)]
        winners = _winners(arms, compose, launcher, folder, cfg)
        scores = {arm.name: None if arm.exchangeable else trial_scores(arm, folder / TRIALS) for arm in arms}
        write_summary(arms, winners, scores, {}, folder)
        return [list(arm.chosen(winners[arm.name])) for arm in arms]


@contextmanager
def _studies(folder: Path) -> Iterator[str]:
    """Optuna's storage in the folder."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = f"{SQLITE}{folder / 'study.sqlite'}"
    with database(storage):
        yield storage


def _winners(
    arms: Sequence[Arm], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig
) -> dict[str, FrozenTrial]:
    """Each arm's best trial, once all of them have run."""
    check_arms(arms, folder)
    while _run_trials(arms, compose, launcher, folder, cfg):
        pass
    return {arm.name: arm.winner() for arm in arms}


def _tune(
    batch: Sequence[Sequence[str]], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig, storage: str
) -> None:
    configs = [compose(overrides) for overrides in batch]
    check_jobs(batch, [task_config(config) for config in configs])
    names = name_arms(batch, configs)
    arms = repeated(
        [Arm(name, list(o), config, storage) for name, o, config in zip(names, batch, configs, strict=True)]
    )
    for arm in arms:
        check_writable(arm.overrides, arm.config, compose)
    winners = _winners(arms, compose, launcher, folder, cfg)
    scores = {arm.name: None if arm.exchangeable else trial_scores(arm, folder / TRIALS) for arm in arms}
    write_winners(arms, winners, compose, folder)
    write_summary(arms, winners, scores, {}, folder)
    final = {
        arm.name: [[*arm.overrides, *arm.chosen(winners[arm.name]), f"seed={seed}"] for seed in arm.fresh_seeds]
        for arm in arms
    }
    jobs = make_jobs([overrides for own in final.values() for overrides in own], compose, folder / RUNS)
    outcomes = finish(jobs, launcher, cfg.sweep)
    after_sweep(folder / RUNS)
    found = verdicts(arms, scores, {name: make_jobs(own, compose, folder / RUNS) for name, own in final.items()})
    write_summary(arms, winners, scores, found, folder)
    say_summary(arms, winners, found, folder)
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
