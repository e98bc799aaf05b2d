"""transformers.Trainer, set up for comparing adapters: seeded batches, a head of its own rate, a complete history."""

import hashlib
import math
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import RandomSampler, Sampler, SequentialSampler
from transformers import Trainer

from src.errors import UserError
from src.models.adapter import AdapterLinear
from src.models.inject import adapters
from src.training.sampler import LengthGroupedSampler


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
    batches: Any = field(default_factory=hashlib.sha256)

    def times(self) -> dict[str, float]:
        rate = self.processes / self.train_s if self.train_s else 0.0
        return {
            "train_s": self.train_s,
            "eval_s": self.eval_s,
            "train_samples_per_s": self.samples * rate,
            "train_tokens_per_s": self.tokens * rate,
            "step_ms_median": 1000 * statistics.median(self.step_s) if self.step_s else 0.0,
        }


class ArenaTrainer(Trainer):
    """One trainer for every method.

    Args:
        head: names of the head's parameters.
        head_learning_rate: their learning rate; None for the common one.
        on_evaluation: called with an ``Evaluation`` after each pass over all evaluation splits.
        on_log: called with the Trainer's own log lines.
        kwargs: transformers.Trainer's; ``eval_dataset`` is a dict of splits.
    """

    optimizer: Any

    def __init__(self, *, head: frozenset[str], head_learning_rate: float | None, on_evaluation, on_log, **kwargs):
        self.head, self.head_learning_rate = head, head_learning_rate
        self.on_evaluation, self.on_log = on_evaluation, on_log
        self.meter = Meter()
        self._outputs: dict[str, Any] = {}
        self._auxiliary: list[Tensor] = []
        super().__init__(**kwargs)
        self.meter.processes = self.args.world_size
        # Classification losses are means and ignore the item count that the Trainer would pass them. Left to believe
        # otherwise, it does not divide by the accumulation steps: the gradient is that many times too large.
        self.model_accepts_loss_kwargs = False
        self._adapters: list[AdapterLinear] = [adapter for _, adapter in adapters(self.model)]

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW (or ``training.optim``) over groups: head or not, decayed or not (biases and LayerNorms are not)."""
        if self.optimizer is None:
            decayed = set(self.get_decay_parameter_names(self.model))
            groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad:
                    groups.setdefault((name in self.head, name in decayed), []).append(parameter)
            cls, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            rate = self.args.learning_rate
            self.optimizer = cls(
                [
                    {
                        "params": parameters,
                        "lr": (self.head_learning_rate or rate) if in_head else rate,
                        "weight_decay": self.args.weight_decay if in_decayed else 0.0,
                    }
                    for (in_head, in_decayed), parameters in groups.items()
                ],
                **options,
            )
        return self.optimizer

    def _get_train_sampler(self, train_dataset=None) -> Sampler | None:
        """The order of the samples is a function of the seed alone, not of what the model drew before."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        generator = torch.Generator().manual_seed(self.args.data_seed)
        match self.args.train_sampling_strategy:
            case "sequential":
                return SequentialSampler(dataset)
            case "group_by_length":  # the lengths are gone from `dataset`: the model takes no such column
                size = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
                return LengthGroupedSampler(self.train_dataset["length"][:], size, generator)
        return RandomSampler(dataset, generator=generator)

    def _get_eval_sampler(self, eval_dataset) -> Sampler:
        """The rows in their order, always: predictions are written next to their row numbers."""
        return SequentialSampler(eval_dataset)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        self.meter.tokens += int(inputs["attention_mask"].sum())
        self.meter.samples += len(inputs["labels"])
        self.meter.batches.update(inputs["input_ids"].cpu().numpy().tobytes())
        started = time.perf_counter()
        loss = super().training_step(model, inputs, *args, **kwargs)
        self.meter.step_s.append(time.perf_counter() - started)
        return loss

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any):
        """The task's loss plus every adapter's auxiliary loss, which is logged apart."""
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **kwargs)
        if model.training:
            extra = [term for adapter in self._adapters if (term := adapter.auxiliary_loss()) is not None]
            if extra:
                auxiliary = torch.stack(extra).sum()
                self._auxiliary.append(auxiliary.detach())
                loss = loss + auxiliary
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if not math.isfinite(logs.get("loss", 0.0)):
            raise UserError(
                f"the training loss is {logs['loss']} at step {self.state.global_step}: training diverged; "
                "try a lower training.learning_rate, more training.warmup_steps or training.precision=fp32"
            )
        if "loss" in logs and self._auxiliary:
            logs["auxiliary_loss"] = float(torch.stack(self._auxiliary).mean())
            logs["task_loss"] = logs["loss"] - logs["auxiliary_loss"]
            self._auxiliary.clear()
        super().log(logs, *args, **kwargs)
        if "loss" in logs:
            self.on_log({**logs, "epoch": self.state.epoch, "step": self.state.global_step})

    def evaluation_loop(self, *args: Any, **kwargs: Any):
        output = super().evaluation_loop(*args, **kwargs)
        self._outputs[kwargs.get("metric_key_prefix", "eval")] = output
        return output

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix: str = "eval") -> dict[str, float]:
        splits = self.eval_dataset if eval_dataset is None else eval_dataset
        if not isinstance(splits, dict):
            return super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        started = time.perf_counter()
        self._outputs.clear()
        metrics = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        self.meter.eval_s += time.perf_counter() - started
        outputs = {split: self._outputs[f"{metric_key_prefix}_{split}"] for split in splits}
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
        started = time.perf_counter()
        result = super().train(*args, **kwargs)
        self.meter.train_s = time.perf_counter() - started - self.meter.eval_s
        # Under mixed precision accelerate leaves its autocast around the model's forward; what comes after is exact.
        self.accelerator.unwrap_model(self.model_wrapped, keep_fp32_wrapper=False)
        return result


def _plain(metrics: dict[str, float], prefix: str) -> dict[str, float]:
    """The task's metrics and the loss under their own names, the Trainer's speeds left out."""
    speeds = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time")
    plain = {name.removeprefix(prefix): value for name, value in metrics.items()}
    return {name: float(value) for name, value in plain.items() if name not in speeds and name != "epoch"}
