"""A Trainer whose training can be cut short: all that reaches into transformers' private state for saving and going on.

What is reached for is listed in ``hooks.RESUME``; where a version of the library lacks a part, ``Checkpoints`` knows,
and none is written or read.
"""

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import TrainOutput

from src.training.checkpoint import CheckpointCallback, Checkpoints, rng_state, set_rng_state
from src.training.evaluation import Meter


class ResumableTrainer(Trainer):
    """A Trainer that goes on from the run's checkpoint, to the bits of an undisturbed training on one CPU.

    Args:
        checkpoints: where an unfinished training is kept, and continued from.
        kwargs: transformers.Trainer's.
    """

    optimizer: Any

    def __init__(self, *, checkpoints: Checkpoints, **kwargs: Any) -> None:
        self.checkpoints = checkpoints
        self.continued: dict[str, Any] | None = None  # the checkpoint that this training went on from
        self.meter = Meter()
        self._order = torch.Generator()
        self._order_of_epoch = self._order.get_state()
        self._evaluated = -1  # the step of the last evaluation
        self._rng_before_evaluation: dict[str, Any] = {}
        self._clock, self._train_s_before, self._eval_s_before = 0.0, 0.0, 0.0
        self._auxiliary: list[Tensor] = []  # the method's losses since the last log line
        super().__init__(**kwargs)
        self.add_callback(CheckpointCallback(self, checkpoints.every))

    def train(self, *args: Any, **kwargs: Any) -> TrainOutput:
        """Train to the end, from the run's checkpoint if there is one."""
        self.continued = self.checkpoints.load(self)
        self.checkpoints.run.load_state_dict(self.continued and self.continued["run"])
        if self.continued is None:
            return self._train(*args, **kwargs)
        self.meter = Meter(**self.continued["meter"])
        with tempfile.TemporaryDirectory() as folder:  # the Trainer wants its own state in a file
            Path(folder, TRAINER_STATE_NAME).write_text(self.continued["state"], encoding="utf-8")
            return self._train(*args, resume_from_checkpoint=folder, **kwargs)

    def _train(self, *args: Any, **kwargs: Any) -> TrainOutput:
        self._clock = time.perf_counter()
        self._train_s_before, self._eval_s_before = self.meter.train_s, self.meter.eval_s
        result = super().train(*args, **kwargs)
        self.meter.train_s = self._train_s()
        # Under mixed precision accelerate leaves its autocast around the model's forward; what comes after is exact.
        self.accelerator.unwrap_model(self.model_wrapped, keep_fp32_wrapper=False)
        return result

    def _train_s(self) -> float:
        """Seconds of training, those before a continuation included, evaluation left out."""
        evaluation = self.meter.eval_s - self._eval_s_before
        return self._train_s_before + time.perf_counter() - self._clock - evaluation

    # Checkpoints: the Trainer's own hooks for saving and loading, with ours behind them.

    def training_state(self) -> dict[str, Any]:
        """All that the Trainer itself needs to go on from this step."""
        scaler = self.accelerator.scaler
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.lr_scheduler.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "state": json.dumps(asdict(self.state)),
            "order": self._order.get_state() if self._at_end_of_epoch() else self._order_of_epoch,
            "meter": asdict(self.meter) | {"train_s": self._train_s()},
            "loss": {"sum": self._tr_loss.item(), "total": self._total_loss_scalar},
            "logged": self._globalstep_last_logged,
            "evaluated": self._evaluated,
            "auxiliary": [float(value) for value in self._auxiliary],
        }

    def remember_order(self) -> None:
        """An epoch begins: what the sampler is about to draw can be drawn again."""
        self._order_of_epoch = self._order.get_state()

    def continue_training(self) -> None:
        """Called when training begins: take up what the Trainer has no hook for, and evaluate if that was due."""
        saved = self.continued
        if saved is None:
            return
        self._order.set_state(saved["order"])
        self._tr_loss.fill_(saved["loss"]["sum"])
        self._total_loss_scalar = saved["loss"]["total"]
        self._globalstep_last_logged = saved["logged"]
        self._evaluated = saved["evaluated"]
        self._auxiliary = [torch.tensor(value) for value in saved["auxiliary"]]
        if saved["evaluation_pending"]:
            self._load_rng_state(None)
            self._evaluate(None, None)
            saved["rng"][self.args.process_index] = rng_state()

    def save_before_evaluation(self) -> None:
        """Save while an evaluation runs, as if it had not begun."""
        now = rng_state()
        set_rng_state(self._rng_before_evaluation)
        self.checkpoints.save(self, pending=True)
        set_rng_state(now)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        due = self._at_end_of_epoch() or self.state.global_step >= self.state.max_steps
        self.checkpoints.save(self, pending=due and self._evaluated != self.state.global_step)

    def _at_end_of_epoch(self) -> bool:
        return float(self.state.epoch or 0).is_integer()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """The trained tensors are copied in by the run's ``load_state_dict``."""

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if self.continued is not None:
            self.optimizer.load_state_dict(self.continued["optimizer"])
            self.lr_scheduler.load_state_dict(self.continued["schedule"])

    def _load_scaler(self, checkpoint: str | None) -> None:
        if self.continued is not None and self.continued["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(self.continued["scaler"])

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if self.continued is not None:
            set_rng_state(self.continued["rng"][self.args.process_index])

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self.state.global_step >= self.state.max_steps:  # continued after its last step
            self.control.should_training_stop = True
            return
        super()._run_epoch(*args, **kwargs)
