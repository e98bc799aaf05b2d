"""The settings of a study's arms: as their configs have them, or tuned alike, each with the same number of trials."""

from collections.abc import Sequence
from pathlib import Path

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from src.study.question import Question
from src.study.study_arms import StudyArm, shortened
from src.study.study_folder import TUNING
from src.sweep.compose import Composer
from src.utils.errors import UserError
from src.utils.keys import override

OF_TUNE = ("trials", "sampler", "pruner")  # keys that ``tune`` has, too


def tuned_settings(
    question: Question, arms: Sequence[StudyArm], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig
) -> dict[str, list[str]]:
    """The overrides that each arm's tuning has chosen, by the arm's name; none where nothing is tuned.

    Raises:
        UserError: if Optuna is not installed, or an arm cannot be tuned.
    """
    if not question.trials:
        return {arm.name: [] for arm in arms}
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise UserError("a study with trials needs Optuna: pip install -r requirements-sweep.txt") from error
    from src.tune.tune import tune_arms

    batch = [trial_overrides(question, arm) for arm in arms]
    chosen = tune_arms([arm.name for arm in arms], batch, compose, launcher, folder / TUNING, cfg)
    return dict(zip((arm.name for arm in arms), chosen, strict=True))


def trial_overrides(question: Question, arm: StudyArm) -> list[str]:
    """What makes an arm's trials, but for what each of them draws.

    Raises:
        UserError: if the arm searches none of the study's space.
    """
    words = [override(f"tune.{key}", question.tuning[key]) for key in OF_TUNE]
    return [*arm.overrides, *words, *_narrower(question, arm), *_shorter(question, arm)]


def _narrower(question: Question, arm: StudyArm) -> list[str]:
    """The overrides that leave of the arm's search space what the study draws from.

    Raises:
        UserError: if that leaves none of it.
    """
    kept = question.tuning["space"]
    if kept is None:
        return []
    names = list(arm.config.model.search)
    if not set(names) & set(kept):
        raise UserError(f"study.tuning.space={kept}: {arm.method} searches none of these, but {', '.join(names)}")
    return [f"~model.search.{name}" for name in names if name not in kept]


def _shorter(question: Question, arm: StudyArm) -> list[str]:
    share = question.tuning["share"]
    return [shortened(arm, share)] if share < 1 else []
