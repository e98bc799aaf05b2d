"""Ending a trial that does badly: what a run asks after each evaluation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from src.utils.database import database
from src.utils.errors import UserError

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

WATCH = "src.training.watch.Watch"  # the only one that there is


class PrunedError(UserError):
    """The trial was ended early; its record says after which epoch."""


class Watch:
    """Reports a trial's held-out score to its Optuna study, and ends the run when the study's pruner says so.

    Args:
        storage: of the study, as Optuna names it.
        study: its name.
        trial: its number in the study.
        pruner: ``asha`` or ``median``.
    """

    def __init__(self, storage: str, study: str, trial: int, pruner: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.storage = storage
        with database(storage):
            loaded = optuna.load_study(study_name=study, storage=storage, pruner=make_pruner(pruner))
            self.trial = optuna.Trial(loaded, trial_id(storage, study, trial))

    def __call__(self, epoch: float, score: float) -> None:
        """Raise `PrunedError` if a trial with this score after this epoch is not worth going on with."""
        with database(self.storage):
            self.trial.report(score, round(epoch))
            prune = self.trial.should_prune()
        if prune:
            raise PrunedError(f"pruned after epoch {epoch:g} with a held-out score of {score:.4f}")


def trial_id(storage: str, study: str, number: int) -> int:
    """What the storage calls a study's trial."""
    from optuna.storages import get_storage

    found = get_storage(storage)
    return found.get_trial_id_from_study_id_trial_number(found.get_study_id_from_name(study), number)


def make_watch(node: Mapping[str, Any] | None) -> Watch | None:
    """What the config's ``watch`` node describes.

    Raises:
        UserError: if that is none of ours.
    """
    if node is None:
        return None
    options = {key: value for key, value in node.items() if key != "_target_"}
    if node.get("_target_") != WATCH:
        raise UserError(f"watch._target_={node.get('_target_')} breaks the rule: {WATCH}")
    try:
        return Watch(**options)
    except TypeError as error:
        raise UserError(f"watch: {error}") from error


def make_pruner(name: str) -> "BasePruner":
    """Optuna's pruner: asynchronous successive halving from the first epoch, or the median after four trials."""
    from optuna import pruners

    match name:
        case "asha":
            return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        case "median":
            return pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0)
    return pruners.NopPruner()
