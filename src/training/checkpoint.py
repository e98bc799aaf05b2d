"""The state of an unfinished training: one file in the run's folder, so that a killed run goes on where it was.

Everything that decides the rest of the training is in it: what is trained, optimizer, schedule, random numbers, the
place in the batches, the score so far. On one CPU a continued run therefore ends with the bits of an undisturbed one.
"""

import logging
import random
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
import transformers
from accelerate.utils import broadcast_object_list, gather_object
from transformers import TrainerCallback

from src.runs.layout import CHECKPOINT
from src.training import interrupt
from src.training.hooks import RESUME, missing
from src.utils.errors import in_short
from src.utils.sealed import DamagedError, read_sealed, write_sealed

if TYPE_CHECKING:
    from src.training.resume import ResumableTrainer

log = logging.getLogger(__name__)

# What a checkpoint holds: the Trainer's own state (``training_state``) and the run's.
STATE = {
    "optimizer", "schedule", "scaler", "state", "order", "meter", "loss", "logged", "evaluated", "auxiliary", "rng",
    "identity", "run", "evaluation_pending",
}  # fmt: skip


class Stateful(Protocol):
    """What a checkpoint holds the state of."""

    def state_dict(self) -> dict[str, Any]:
        """Plain values and tensors; ``model`` are those that are trained."""

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Called before training; with None where it starts at its beginning."""


class Checkpoints:
    """Where a run's checkpoint is kept, and what of the run (besides the Trainer's own state) goes into it.

    Args:
        folder: the run's folder.
        every: ``epoch``, a number of steps, or ``never``; a signal saves one in any case.
        identity: of the run; a checkpoint of another is not continued.
        run: whose state goes into it.
    """

    def __init__(
        self,
        folder: Path,
        every: str | int,
        identity: dict[str, Any],
        run: Stateful,
    ) -> None:
        self.path, self.every, self.identity = folder / CHECKPOINT, every, identity
        self.run = run
        self.possible = not (lost := missing(RESUME))
        if lost:
            log.warning(
                "no checkpoints: the Trainer of transformers %s lacks %s, so an unfinished run starts over",
                transformers.__version__, ", ".join(lost),
            )  # fmt: skip

    def save(self, trainer: "ResumableTrainer", pending: bool) -> None:
        """Write the checkpoint, whole or not at all. Every process of a distributed run has to call this."""
        rng = [rng_state()]
        rng = gather_object(rng) if trainer.args.world_size > 1 else rng
        if not trainer.args.should_save:
            return
        state = trainer.training_state() | {
            "rng": rng,
            "identity": self.identity,
            "run": self.run.state_dict(),
            "evaluation_pending": pending,
        }
        write_sealed(self.path, lambda file: torch.save(state, file))

    def load(self, trainer: "ResumableTrainer") -> dict[str, Any] | None:
        """The checkpoint of this very run, or None. One that is damaged or another's counts as none, with one line."""
        if not self.possible:
            return None
        found: list[Any] = [self._read() if trainer.args.should_save else None]
        if trainer.args.world_size > 1:
            broadcast_object_list(found)
        return found[0]

    def _read(self) -> dict[str, Any] | None:
        try:
            content = read_sealed(self.path)
            return None if content is None else self._checked(content)
        except DamagedError as error:
            log.warning("%s is not gone on with, so training starts over: %s", self.path, error)
        return None

    def _checked(self, content: IO[bytes]) -> dict[str, Any]:
        """The state in a file's content; raises DamagedError unless it is one of this very run, and whole."""
        try:
            state = torch.load(content, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever torch finds in what is no state
            raise DamagedError(f"it holds no state of a training ({in_short(error)})") from error
        if not isinstance(state, dict) or not state.keys() >= STATE or not isinstance(state["run"], dict):
            raise DamagedError("it holds no state of a training, or one of another version")
        if state["identity"] != self.identity:
            raise DamagedError("it is of another config, data, backbone or code")
        own, saved = self.run.state_dict()["model"], state["run"].get("model")
        if not isinstance(saved, dict) or _shapes(own) != _shapes(saved):
            raise DamagedError("its tensors are not this model's")
        return state


def _shapes(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(tensor, "shape", None) for name, tensor in tensors.items()}


class CheckpointCallback(TrainerCallback):
    """When the Trainer saves: every epoch or N steps, and before a signal ends the run."""

    def __init__(self, trainer: "ResumableTrainer", every: str | int) -> None:
        self.trainer, self.every = trainer, every
        # Processes that stop at different steps would wait for each other for ever.
        self.stops = trainer.args.world_size == 1

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.continue_training()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.remember_order()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._save_if(isinstance(self.every, int) and state.global_step % self.every == 0, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._save_if(self.every == "epoch", control)

    def _save_if(self, due: bool, control: Any) -> None:
        if not self.trainer.checkpoints.possible:
            if self._stop():
                interrupt.check()
        elif self._stop() or due:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.stops:
            interrupt.check()

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._stop() and self.trainer.is_in_train:
            if self.trainer.checkpoints.possible:
                self.trainer.save_before_evaluation()
            interrupt.check()

    def _stop(self) -> bool:
        return self.stops and interrupt.requested()


def rng_state() -> dict[str, Any]:
    """The state of every global source of random numbers, in types that ``torch.load`` takes without pickle."""
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "cpu": torch.random.get_rng_state(),
        "cuda": torch.cuda.random.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Undo what was drawn since ``rng_state``."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.random.set_rng_state(state["cpu"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.random.set_rng_state(state["cuda"])
