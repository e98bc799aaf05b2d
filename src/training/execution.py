"""How a job's steps are computed: on their own, or together with other jobs'. A run, a sweep and fit know neither."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from src.models.classifier import Classifier
    from src.training.trainer import VerdictTrainer


class Execution(Protocol):
    """What computes a job's steps. Needs no torch until the first of them."""

    shows_progress: bool  # whether the job has a progress bar of its own

    def isolated(self) -> AbstractContextManager[None]:
        """Within the block the job leaves nothing behind in the process that another one would find."""

    def join(self, classifier: "Classifier") -> None:
        """Called with the job's model, before its trainer is made."""

    def make_trainer(self, **kwargs: Any) -> "VerdictTrainer":
        """The job's trainer; the arguments are ``VerdictTrainer``'s."""

    def report(self) -> dict[str, Any] | None:
        """For the job's record: in what company it was trained; None where in none."""


class Alone:
    """Every step on its own."""

    shows_progress = True

    def isolated(self) -> AbstractContextManager[None]:
        from src.training.isolation import isolated

        return isolated()

    def join(self, classifier: "Classifier") -> None:
        pass

    def make_trainer(self, **kwargs: Any) -> "VerdictTrainer":
        from src.training.trainer import VerdictTrainer

        return VerdictTrainer(**kwargs)

    def report(self) -> None:
        return None


ALONE = Alone()
