"""A job's side of the pack: its own trainer, record and everything, but the model's forward and backward."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelerate.state import GradientState
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from src.models.classifier import Classifier
from src.packed.coroutine import Coroutine
from src.packed.layers import Tenant
from src.tasks import TaskKind
from src.training.trainer import Loss, VerdictTrainer

if TYPE_CHECKING:
    from src.packed.pack import Pack


@dataclass(frozen=True)
class Forward:
    """A batch that waits for its logits."""

    inputs: Mapping[str, Tensor]
    training: bool


@dataclass(frozen=True)
class Backward:
    """Logits whose gradient is known, and waits to be taken to the adapters."""

    logits: Tensor


class Member(Coroutine[Forward | Backward]):
    """One job of a pack. Its trainer calls it in place of the model.

    Args:
        work: runs the job; given the member.
        name: the job's.
        pack: the pack that answers it.
    """

    def __init__(self, work: Callable[["Member"], Any], name: str, pack: "Pack") -> None:
        super().__init__(lambda: work(self), name)
        self.pack = pack
        self.tenant: Tenant
        self.kind: TaskKind
        self.trainer: PackedTrainer | None = None
        self.shares = False  # the frozen parameters
        self._waiting: Tensor | None = None  # the logits of the last forward
        self._accelerate: dict[str, Any] = {}

    shows_progress = False  # the pack shows all of its jobs

    def isolated(self) -> AbstractContextManager[None]:
        """The pack is isolated as a whole: its jobs end in any order."""
        return nullcontext()

    def join(self, classifier: Classifier) -> None:
        """Bring the job's model into the pack; one that cannot share its frozen parameters computes for itself."""
        self.tenant = Tenant(classifier.model, classifier.backbone.head)
        self.kind = classifier.space.kind
        self.shares = classifier.adaptation.packable and self.pack.admit(self, classifier)

    @property
    def batch(self) -> Forward:
        """The batch that it waits with."""
        assert isinstance(self.request, Forward)
        return self.request

    def make_trainer(self, **kwargs: Any) -> "PackedTrainer":
        return PackedTrainer(member=self, **kwargs)

    def resume(self, reply: Any = None) -> None:
        # Where each trainer is within its accumulation steps is kept by accelerate in one place for all of a process.
        shared = shared_state()
        assert shared is not None  # else no pack is formed
        before = dict(shared)
        _refill(shared, self._accelerate)
        super().resume(reply)
        self._accelerate = dict(shared)
        _refill(shared, before)

    @property
    def training(self) -> bool:
        return self.tenant.model.training

    def __call__(self, **inputs: Tensor) -> Any:
        """The classifier's output, as the model itself would give it."""
        model: Any = self.tenant.model
        if not self.shares:
            return model(**inputs)
        labels = inputs.get("labels")
        logits = self.ask(Forward({name: x for name, x in inputs.items() if name != "labels"}, self.training))
        if logits is None:
            return model(**inputs)
        if self.training:
            logits = self._waiting = logits.requires_grad_()
        if self.kind.answers_every_token:  # as long as the longest job's batch
            logits = logits[:, : inputs["input_ids"].shape[1]]
        loss = None if labels is None else self.kind.loss(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def backward(self) -> None:
        """Take the gradient of the last forward's logits to this job's parameters."""
        if self._waiting is not None and self._waiting.grad is not None:
            self.ask(Backward(self._waiting))
        self._waiting = None

    def report(self) -> dict[str, Any] | None:
        """For the job's record: in what company it was trained."""
        return self.pack.report() if self.shares else None


class PackedTrainer(VerdictTrainer):
    """The shared trainer, over a model that is computed for many jobs at once."""

    def __init__(self, *, member: Member, **kwargs: Any) -> None:
        self.member = member
        super().__init__(**kwargs)
        member.trainer = self

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Loss:
        return super().compute_loss(self.member, inputs, return_outputs, **kwargs)  # type: ignore[arg-type]

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        loss = super().training_step(*args, **kwargs)
        self.member.backward()
        return loss


def shared_state() -> dict[str, Any] | None:
    """Where accelerate keeps what all trainers of a process have in common; None if it is no longer there."""
    shared = getattr(GradientState, "_shared_state", None)
    return shared if isinstance(shared, dict) and GradientState().__dict__ is shared else None


def _refill(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    target.clear()
    target.update(source)
