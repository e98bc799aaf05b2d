"""The arms of a study: each method on each task, composed and checked before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from src.config.overrides import prepare_override
from src.runs.identity import identity
from src.study.question import Question
from src.sweep.compose import Composer, task_config
from src.sweep.sweep import check_jobs


@dataclass(frozen=True)
class StudyArm:
    """A method on a task.

    Attributes:
        overrides: what makes its runs, but for what is tuned and the seed.
        config: as they compose it, with Hydra's node.
        identity: of its run with the config's own seed: hashes of config, data, backbone and code.
    """

    method: str
    task: str
    overrides: list[str]
    config: DictConfig = field(repr=False)
    identity: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.task}_{self.method}"

    def run_overrides(self, chosen: Sequence[str], seed: int) -> list[str]:
        """The overrides of one of its runs.

        Args:
            chosen: what a tuning has set.
            seed: the run's.
        """
        return [*self.overrides, *chosen, f"seed={seed}"]


def make_arms(question: Question, compose: Composer) -> list[StudyArm]:
    """Compose and check every method on every task.

    Raises:
        UserError: naming what is wrong in which of them.
    """
    pairs = [(method, task) for task in question.tasks for method in question.methods]
    batch = [question.overrides(method, task) for method, task in pairs]
    configs = [compose(overrides) for overrides in batch]
    plain: list[dict[str, Any]] = check_jobs(batch, [task_config(config) for config in configs])
    return [
        StudyArm(method, task, overrides, config, identity(own))
        for (method, task), overrides, config, own in zip(pairs, batch, configs, plain, strict=True)
    ]


def shortened(arm: StudyArm, share: float) -> str:
    """The override that trains an arm for a share of its epochs."""
    epochs = arm.config.training.num_train_epochs * share
    return prepare_override(f"training.num_train_epochs={epochs:.4g}")
