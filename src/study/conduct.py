"""A study from its file to its answer."""

from pathlib import Path

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from src.study.cost import cost_of
from src.study.locked_plan import lock
from src.study.question import Question
from src.study.study_arms import make_arms
from src.study.study_plan import print_plan
from src.sweep.compose import Composer


def plan(question: Question, compose: Composer, folder: Path) -> None:
    """Print what the study would do; nothing is kept.

    Raises:
        UserError: if an arm's config is wrong, or it cannot be trained.
    """
    arms = make_arms(question, compose)
    print_plan(question, arms, {arm.name: cost_of(arm, compose, folder) for arm in arms})


def conduct(question: Question, compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig) -> None:
    """Lock the plan, run it, and tell the answer; the same command in the same folder goes on.

    Raises:
        UserError: if an arm's config is wrong, the folder holds another study's plan, or a run failed.
    """
    from src.study.run_study import run_study
    from src.study.study_report import report_study

    arms = make_arms(question, compose)
    lock(folder, question, arms)
    run_study(question, arms, compose, launcher, folder, cfg)
    report_study(folder)
