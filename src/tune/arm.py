"""One arm of a tuning: a method on a task, its study, its trials, its winner."""

import hashlib
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution
from optuna.storages import get_storage
from optuna.trial import FrozenTrial, TrialState

from src.metrics.names import greater_is_better
from src.runs.identity import config_hash
from src.sweep.compose import task_config
from src.sweep.folder_names import job_name
from src.sweep.sweep_job import SweepJob
from src.training.selection import HOLDOUT
from src.training.watch import PrunedError, make_pruner, trial_id
from src.tune.space import as_overrides, make_space
from src.utils.errors import UserError
from src.utils.paths import CONF
from src.utils.places import UnwritableError
from src.utils.plain import plain

LONGEST = 100  # characters of a name
SPENT = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Arm:
    """A method on a task, tuned on its own.

    Args:
        name: of the study, and of the written config.
        overrides: that make the arm, ``model=roberta_lora`` among them.
        config: as they compose it.
        storage: of the studies.
        repeat: which of its independent tunings this is, from 0; each has draws and seeds of its own.
    """

    name: str
    overrides: list[str]
    config: DictConfig
    storage: str
    repeat: int = 0

    @property
    def method(self) -> str:
        """The name that all its repeats share."""
        return self.name.removesuffix(_suffix(self.repeat))

    @property
    def task(self) -> tuple[str, str]:
        """What it is tuned on, and the metric."""
        return self.config.data.name, self.metric

    @property
    def _seed(self) -> int:
        """Of its trials; the fresh seeds of its winner follow it, and then come those of the next repeat."""
        return self.config.seed + self.repeat * (self.config.tune.seeds + 1)

    @property
    def fresh_seeds(self) -> list[int]:
        """Seeds for the winner's runs that no trial has had."""
        return [self._seed + 1 + number for number in range(self.config.tune.seeds)]

    @property
    def exchangeable(self) -> str | None:
        """Why its trials are not independent draws; None if they are."""
        if self.config.tune.sampler != "random":
            return f"trials of tune.sampler={self.config.tune.sampler} build on each other"
        if self.config.tune.pruner != "none":
            return f"tune.pruner={self.config.tune.pruner} ends trials early"
        return None

    @property
    def space(self) -> dict[str, BaseDistribution]:
        search: Any = OmegaConf.to_container(self.config.model.search)
        return make_space(self.config.model.name, search)

    @property
    def metric(self) -> str:
        return self.config.data.primary_metric

    @property
    def lower_is_better(self) -> bool:
        return not greater_is_better(self.metric)

    def study(self) -> optuna.Study:
        """The arm's study, made if it is new. Its stream of random draws goes on where an earlier process stopped."""
        names = optuna.study.get_all_study_names(self.storage)
        drawn = len(self._load().trials) if self.name in names else 0
        seed = zlib.crc32(f"{self.config.seed}/{self.name}/{drawn}".encode())
        samplers = optuna.samplers
        tpe = self.config.tune.sampler == "tpe"
        return optuna.create_study(
            storage=self.storage,
            study_name=self.name,
            sampler=samplers.TPESampler(seed=seed) if tpe else samplers.RandomSampler(seed=seed),
            pruner=make_pruner(self.config.tune.pruner),
            direction="minimize" if self.lower_is_better else "maximize",
            load_if_exists=True,
        )

    def _load(self) -> optuna.Study:
        return optuna.load_study(study_name=self.name, storage=self.storage)

    def trials(self) -> list[FrozenTrial]:
        return self._load().get_trials(deepcopy=False)

    def next_trials(self, most: int) -> list[FrozenTrial]:
        """Trials that were drawn but not judged (of a killed tuning), then new ones up to the arm's budget."""
        study = self.study()
        open_ = study.get_trials(states=(TrialState.RUNNING,))
        spent = len(study.get_trials(states=SPENT, deepcopy=False))
        missing = min(self.config.tune.trials - spent, most) - len(open_)
        space = self.space
        new = [study.ask(space).number for _ in range(missing)]
        return (open_ + [study.trials[number] for number in new])[: max(self.config.tune.trials - spent, 0)]

    def trial_overrides(self, trial: FrozenTrial) -> list[str]:
        """The overrides of a trial's run."""
        watch = []
        if (pruner := self.config.tune.pruner) != "none":
            fields = f"storage:'{self.storage}',study:'{self.name}',trial:{trial.number},pruner:{pruner}"
            watch = [f"watch={{_target_:src.training.watch.Watch,{fields}}}"]
        seed = [f"seed={self._seed}"] if self.repeat else []
        return [*self.overrides, *self.chosen(trial), *seed, *watch]

    def chosen(self, trial: FrozenTrial) -> list[str]:
        """The overrides that set what the trial drew."""
        return as_overrides(trial.params, trial.distributions)

    def judge(self, trial: FrozenTrial, job: SweepJob) -> bool:
        """Tell the study how a trial's run ended; one that did not end, or for want of a disk, stays open.

        Returns:
            Whether the trial is closed now.
        """
        record, state = job.record(), job.state()
        error = record.error.type
        if state not in ("done", "failed") or error == UnwritableError.__name__:
            return False
        study = self._load()
        storage = get_storage(self.storage)
        storage.set_trial_user_attr(trial_id(self.storage, self.name, trial.number), "folder", job.name)
        score = record.scores(HOLDOUT).get(self.metric)
        if error == PrunedError.__name__:
            study.tell(trial.number, state=TrialState.PRUNED)
        elif state == "done" and score is not None and math.isfinite(score):
            study.tell(trial.number, score)
        else:  # a NaN is a failed trial, and no end of the study
            study.tell(trial.number, state=TrialState.FAIL)
        return True

    def winner(self) -> FrozenTrial:
        """The best finished trial.

        Raises:
            UserError: if all trials failed.
        """
        finished = [trial for trial in self.trials() if trial.state == TrialState.COMPLETE]
        if not finished:
            raise UserError(f"{self.name}: none of its {len(self.trials())} trials ended well")
        best = min if self.lower_is_better else max
        return best(finished, key=lambda trial: trial.value if trial.value is not None else math.nan)

    def scores(self) -> list[float]:
        """The spent trials' held-out scores in order: of a pruned one the last, for a failed one the worst."""
        spent = [trial for trial in self.trials() if trial.state in SPENT]
        seen = [_score(trial) for trial in spent]
        known = [score for score in seen if score is not None]
        worst = (max if self.lower_is_better else min)(known, default=math.nan)
        return [worst if score is None else score for score in seen]


def repeated(arms: Sequence[Arm]) -> list[Arm]:
    """The arms, each as often as ``tune.repeats`` says, the repeats of one arm side by side."""
    return [
        replace(arm, name=f"{arm.name}{_suffix(repeat)}", repeat=repeat)
        for arm in arms
        for repeat in range(arm.config.tune.repeats)
    ]


def _suffix(repeat: int) -> str:
    return f"_repeat{repeat + 1}" if repeat else ""


def _score(trial: FrozenTrial) -> float | None:
    if trial.value is not None:
        return trial.value
    return trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else None


def name_arms(batch: Sequence[Sequence[str]], configs: Sequence[DictConfig]) -> list[str]:
    """A name for each arm: task and method, and where these do not tell arms apart, the values that do.

    Names are made of letters, digits, ``.``, ``_`` and ``-``: they are file names, and need no quotes in an override.
    Arms have one name only if they are one.
    """
    short = [f"{cfg.data.name}_{cfg.model.recorded_as}" for cfg in configs]
    names = []
    for overrides, cfg, name in zip(batch, configs, short, strict=True):
        twins = [set(other) for other, theirs in zip(batch, short, strict=True) if theirs == name]
        own = [text for text in overrides if not all(text in other for other in twins)]
        names.append(_plain(f"{name}_{job_name(own, task_config(cfg))}" if own else name))
    taken = {path.stem.casefold() for path in (CONF / "experiment").glob("*.yaml")}
    hashes = [config_hash(plain(task_config(cfg))) for cfg in configs]
    folded = [name.casefold() for name in names]
    for i, name in enumerate(names):
        others = {own for own, theirs in zip(hashes, folded, strict=True) if theirs == folded[i]}
        if len(others) > 1 or folded[i] in taken:
            names[i] = f"{name[: LONGEST - 9]}-{hashes[i][:8]}"
    return names


def _plain(text: str) -> str:
    name = re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-.")
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def check_arms(arms: Sequence[Arm], folder: Path) -> None:
    """Refuse what cannot be tuned fairly, before anything runs.

    Raises:
        UserError: if a run has no held-out rows, an arm has no search space, or two arms are one.
    """
    for arm in arms:
        if arm.config.training.selection != "holdout":
            raise UserError(
                f"training.selection={arm.config.training.selection}: trials are judged on held-out training rows, "
                "and only training.selection=holdout keeps some"
            )
        _ = arm.space
    names = [arm.name for arm in arms]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"{folder}: arms that differ in nothing that changes a number: {', '.join(sorted(twice))}")
