"""transformers.Trainer, set up for comparing adapters: seeded batches, a head of its own rate, a complete history."""

import hashlib
import json
import logging
import math
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from torch.autograd.profiler import record_function
from torch.utils.data import RandomSampler, Sampler, SequentialSampler
from transformers import EvalPrediction, Trainer
from transformers.trainer import TRAINER_STATE_NAME

from src.metrics.compute import ComputeFunction
from src.models.method import Adaptation
from src.training.checkpoint import CheckpointCallback, Checkpoints, rng_state, set_rng_state
from src.training.hooks import ACCUMULATION, ORDER, missing
from src.training.profile import FORWARD, STEP
from src.training.sampler import LengthGroupedSampler, QuotaSampler
from src.training.schedule_callback import ScheduleCallback
from src.utils.errors import UserError

log = logging.getLogger(__name__)

DIVERGED = (
    "training diverged; try a lower training.learning_rate, more training.warmup_steps or training.precision=fp32"
)


@dataclass(frozen=True)
class Evaluation:
    """Every split's metrics and outputs after one epoch."""

    epoch: float
    step: int
    metrics: dict[str, dict[str, float]]  # split -> metric -> value, the loss among them
    logits: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


@dataclass
class Meter:
    """What training cost: seconds, tokens and samples, evaluation apart; and which batches it saw.

    Each process counts its own; rates are of all ``processes`` together.
    """

    processes: int = 1
    train_s: float = 0.0
    eval_s: float = 0.0
    tokens: int = 0
    samples: int = 0
    step_s: list[float] = field(default_factory=list)
    batches: str = ""  # hash of all batches so far

    def see(self, batch: bytes) -> None:
        """Chain a batch to the hash; unlike a running sha256, its state can be saved."""
        self.batches = hashlib.sha256(bytes.fromhex(self.batches) + batch).hexdigest()

    def times(self) -> dict[str, float]:
        rate = self.processes / self.train_s if self.train_s else 0.0
        return {
            "train_s": self.train_s,
            "eval_s": self.eval_s,
            "train_samples_per_s": self.samples * rate,
            "train_tokens_per_s": self.tokens * rate,
            "step_ms_median": 1000 * statistics.median(self.step_s) if self.step_s else 0.0,
        }


class VerdictTrainer(Trainer):
    """One trainer for every method.

    Args:
        head: names of the head's parameters.
        head_learning_rate: their learning rate; None for the common one.
        on_evaluation: called with an ``Evaluation`` after each pass over all evaluation splits.
        on_log: called with the Trainer's own log lines.
        checkpoints: where an unfinished training is kept, and continued from.
        adaptation: what the method made of the model: its losses, rates and schedule.
        quotas: rows to draw in an epoch from each group that the training rows' column ``task`` numbers; None draws
            every row once.
        compute: per evaluation split, the function of logits and labels that gives its metrics.
        kwargs: transformers.Trainer's; ``eval_dataset`` is a dict of splits.
    """

    optimizer: Any

    def __init__(
        self,
        *,
        head: frozenset[str],
        head_learning_rate: float | None,
        on_evaluation,
        on_log,
        checkpoints: Checkpoints,
        compute: Mapping[str, ComputeFunction],
        adaptation: Adaptation,
        quotas: list[int] | None = None,
        **kwargs,
    ):
        self.head, self.head_learning_rate = head, head_learning_rate
        self.on_evaluation, self.on_log = on_evaluation, on_log
        self.checkpoints = checkpoints
        self.continued: dict[str, Any] | None = None  # the checkpoint that this training went on from
        self.meter = Meter()
        self._order = torch.Generator()
        self._order_of_epoch = self._order.get_state()
        self._evaluated = -1  # the step of the last evaluation
        self._rng_before_evaluation: dict[str, Any] = {}
        self._clock, self._train_s_before, self._eval_s_before = 0.0, 0.0, 0.0
        self._outputs: dict[str, Any] = {}
        self._auxiliary: list[Tensor] = []
        self._quotas, self._compute, self._split = quotas, compute, ""
        super().__init__(compute_metrics=self._metrics, **kwargs)
        self._check_hooks()
        # Some models take them, and do not show it in a signature.
        self.label_names: list[str] = self.label_names or ["labels"]
        self.meter.processes = self.args.world_size
        # Classification losses are means and ignore the item count that the Trainer would pass them. Left to believe
        # otherwise, it does not divide by the accumulation steps: the gradient is that many times too large.
        self.model_accepts_loss_kwargs = False
        self._adaptation = adaptation
        self.add_callback(CheckpointCallback(self, checkpoints.every))
        if adaptation.schedule is not None:
            self.add_callback(ScheduleCallback(adaptation.schedule))

    def _check_hooks(self) -> None:
        """Refuse what a changed Trainer would compute otherwise, and say where it only draws the rows otherwise."""
        version = f"the Trainer of transformers {transformers.__version__}"
        if (lost := missing(ACCUMULATION)) and self.args.gradient_accumulation_steps > 1:
            raise UserError(
                f"training.gradient_accumulation_steps={self.args.gradient_accumulation_steps}: {version} lacks "
                f"{', '.join(lost)}, so their mean is not certain; choices: 1, or the versions in constraints.txt"
            )
        if lost := missing(ORDER):
            if self._quotas is not None:
                raise UserError(
                    f"several tasks: {version} lacks {', '.join(lost)}, so tasks cannot be drawn by their shares; use "
                    "the versions in constraints.txt"
                )
            log.warning("%s lacks %s: batches come in its own order", version, ", ".join(lost))

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW (or ``training.optim``) over groups: head or not, decayed or not (biases and LayerNorms are not).

        A method may have rates of its own: multiples of the common one.
        """
        if self.optimizer is None:
            decayed = set(self.get_decay_parameter_names(self.model))
            factors = self._adaptation.rates()
            groups: dict[tuple[bool, bool, float], list[nn.Parameter]] = {}
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad:
                    key = (name in self.head, name in decayed, factors.get(name, 1.0))
                    groups.setdefault(key, []).append(parameter)
            cls, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            rate = self.args.learning_rate
            self.optimizer = cls(
                [
                    {
                        "params": parameters,
                        "lr": (self.head_learning_rate or rate) if in_head else rate * factor,
                        "weight_decay": self.args.weight_decay if in_decayed else 0.0,
                    }
                    for (in_head, in_decayed, factor), parameters in groups.items()
                ],
                **options,
            )
        return self.optimizer

    def _get_train_sampler(self, train_dataset=None) -> Sampler | None:
        """The order of the samples is a function of the seed alone, not of what the model drew before."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        generator = self._order = torch.Generator().manual_seed(self.args.data_seed)
        if self._quotas is not None:
            return QuotaSampler(self.train_dataset["task"][:], self._quotas, generator)
        match self.args.train_sampling_strategy:
            case "sequential":
                return SequentialSampler(dataset)
            case "group_by_length":  # the lengths are gone from `dataset`: the model takes no such column
                size = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
                return LengthGroupedSampler(self.train_dataset["length"][:], size, generator)
        return RandomSampler(dataset, generator=generator)

    def _get_eval_sampler(self, eval_dataset) -> Sampler:
        """The rows in their order, always: it is in this order that their numbers are written next to predictions."""
        return SequentialSampler(eval_dataset)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        self.meter.tokens += int(inputs["attention_mask"].sum())
        self.meter.samples += len(inputs["labels"])
        self.meter.see(inputs["input_ids"].cpu().numpy().tobytes())
        started = time.perf_counter()
        with record_function(STEP):
            loss = super().training_step(model, inputs, *args, **kwargs)
        self.meter.step_s.append(time.perf_counter() - started)
        return loss

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any):
        """The task's loss plus every adapter's auxiliary loss, which is logged apart.

        Of the outputs the logits alone are handed on: an encoder-decoder gives its encoder's states besides, which
        differ in shape from batch to batch and are nothing that a metric reads.
        """
        with record_function(FORWARD):
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **kwargs)
        if model.training and (extra := self._adaptation.auxiliary_losses()):
            auxiliary = torch.stack(extra).sum()
            self._auxiliary.append(auxiliary.detach())
            loss = loss + auxiliary
        return (loss, {"loss": loss, "logits": outputs.logits}) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if not math.isfinite(logs.get("loss", 0.0)):
            raise UserError(f"the training loss is {logs['loss']} at step {self.state.global_step}: {DIVERGED}")
        if "loss" in logs and self._auxiliary:
            logs["auxiliary_loss"] = float(torch.stack(self._auxiliary).mean())
            logs["task_loss"] = logs["loss"] - logs["auxiliary_loss"]
            self._auxiliary.clear()
        super().log(logs, *args, **kwargs)
        if "loss" in logs:
            self.on_log({**logs, "epoch": self.state.epoch, "step": self.state.global_step})

    def _metrics(self, output: EvalPrediction) -> dict[str, float]:
        return self._compute[self._split](output.predictions, output.label_ids)

    def evaluation_loop(self, *args: Any, **kwargs: Any):
        self._split = kwargs.get("metric_key_prefix", "eval").removeprefix("eval_")
        output = super().evaluation_loop(*args, **kwargs)
        self._outputs[kwargs.get("metric_key_prefix", "eval")] = output
        return output

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix: str = "eval") -> dict[str, float]:
        splits = self.eval_dataset if eval_dataset is None else eval_dataset
        if not isinstance(splits, dict):
            return super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        started = time.perf_counter()
        self._outputs.clear()
        self._rng_before_evaluation = rng_state()
        metrics = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        self.meter.eval_s += time.perf_counter() - started
        self._evaluated = self.state.global_step
        outputs = {split: self._outputs[f"{metric_key_prefix}_{split}"] for split in splits}
        for split, output in outputs.items():
            # Predictions are written beside the rows' numbers: that the rows kept their order is seen in the labels.
            if not np.array_equal(output.label_ids, np.asarray(splits[split]["labels"][:])):
                raise RuntimeError(f"the rows of {split} were not evaluated in their order")
        self.on_evaluation(
            Evaluation(
                epoch=self.state.epoch or 0.0,
                step=self.state.global_step,
                metrics={
                    split: _plain(output.metrics, f"{metric_key_prefix}_{split}_") for split, output in outputs.items()
                },
                logits={split: output.predictions for split, output in outputs.items()},
                labels={split: output.label_ids for split, output in outputs.items()},
            )
        )
        return metrics

    def train(self, *args: Any, **kwargs: Any):
        """Train to the end, from the run's checkpoint if there is one."""
        self.continued = self.checkpoints.load(self)
        self.checkpoints.restore(self.continued and self.continued["run"])
        if self.continued is None:
            return self._train(*args, **kwargs)
        self.meter = Meter(**self.continued["meter"])
        with tempfile.TemporaryDirectory() as folder:  # the Trainer wants its own state in a file
            Path(folder, TRAINER_STATE_NAME).write_text(self.continued["state"], encoding="utf-8")
            return self._train(*args, resume_from_checkpoint=folder, **kwargs)

    def _train(self, *args: Any, **kwargs: Any):
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
        """The trained tensors are copied in by ``Checkpoints.restore``."""

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


def _plain(metrics: dict[str, float], prefix: str) -> dict[str, float]:
    """The task's metrics and the loss under their own names, the Trainer's speeds left out."""
    speeds = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time")
    plain = {name.removeprefix(prefix): value for name, value in metrics.items()}
    return {name: float(value) for name, value in plain.items() if name not in speeds and name != "epoch"}
