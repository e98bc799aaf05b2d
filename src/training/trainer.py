"""transformers.Trainer, set up for comparing adapters: seeded batches, a head of its own rate, a complete history."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
import transformers
from datasets import Dataset
from torch import Tensor, nn
from torch.autograd.profiler import record_function
from torch.utils.data import RandomSampler, Sampler, SequentialSampler
from transformers import EvalPrediction
from transformers.trainer_utils import EvalLoopOutput

from src.metrics.compute import ComputeFunction
from src.models.method import Adaptation
from src.tasks import TaskKind
from src.training.checkpoint import rng_state
from src.training.class_weights import weighted_loss
from src.training.evaluation import Evaluation
from src.training.hooks import ACCUMULATION, ORDER, missing
from src.training.paired_step import PairedStep
from src.training.profile import FORWARD, STEP
from src.training.resume import ResumableTrainer
from src.training.sampler import LengthGroupedSampler, QuotaSampler, WindowSampler, by_class, windows_by_text
from src.training.schedule_callback import ScheduleCallback
from src.utils.errors import UserError

log = logging.getLogger(__name__)

DIVERGED = (
    "training diverged; try a lower training.learning_rate, more training.warmup_steps or training.precision=fp32"
)

Loss: TypeAlias = Tensor | tuple[Tensor, dict[str, Tensor]]  # with the outputs, where they are asked for


class VerdictTrainer(ResumableTrainer):
    """One trainer for every method.

    Args:
        head: names of the head's parameters.
        head_learning_rate: their learning rate; None for the common one.
        on_evaluation: called with an ``Evaluation`` after each pass over all evaluation splits.
        on_log: called with the Trainer's own log lines.
        adaptation: what the method made of the model: its losses, rates and schedule.
        paired: what ``training.optim`` does to low-rank factors besides, if anything.
        quotas: rows to draw in an epoch from each group that the training rows' column ``task`` numbers; None draws
            every row once.
        by_text: whether training rows with one ``idx`` are windows of one text, of which an epoch shows one at random,
            so that a long text counts as much as any other.
        weights: of each class in the training loss; None for equal ones.
        sampling: how rows are drawn by their class, ``training.sampling``; None for ``train_sampling_strategy``.
        compute: per evaluation split, the function of logits and labels that gives its metrics.
        kinds: per evaluation split, the kind of its task, which makes one entry a unit of what rows gave; None: a row
            is a unit.
        kwargs: ``ResumableTrainer``'s; ``eval_dataset`` is a dict of splits.
    """

    def __init__(
        self,
        *,
        head: frozenset[str],
        head_learning_rate: float | None,
        on_evaluation: Callable[[Evaluation], None],
        on_log: Callable[[dict[str, float]], None],
        compute: Mapping[str, ComputeFunction],
        adaptation: Adaptation,
        kinds: Mapping[str, TaskKind] | None = None,
        paired: PairedStep | None = None,
        quotas: list[int] | None = None,
        by_text: bool = False,
        weights: Tensor | None = None,
        sampling: str | None = None,
        **kwargs: Any,
    ):
        self.head, self.head_learning_rate = head, head_learning_rate
        self.on_evaluation, self.on_log = on_evaluation, on_log
        self._outputs: dict[str, Any] = {}
        self._quotas, self._by_text, self._compute, self._split = quotas, by_text, compute, ""
        self._kinds = kinds or {}
        self._units: dict[str, tuple[Any, Any]] = {}  # logits and labels of the last evaluation, one entry a unit
        super().__init__(compute_metrics=self._metrics, **kwargs)
        self._check_hooks()
        # Some models take them, and do not show it in a signature.
        self.label_names: list[str] = self.label_names or ["labels"]
        self.meter.processes = self.args.world_size
        # Classification losses are means and ignore the item count that the Trainer would pass them. Left to believe
        # otherwise, it does not divide by the accumulation steps: the gradient is that many times too large.
        self.model_accepts_loss_kwargs = False
        self._adaptation, self._paired = adaptation, paired
        self._weights, self._sampling = weights, sampling
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
            pairs = self._adaptation.pairs() if self._paired is not None else []
            factors = self._adaptation.rates() | (self._paired.rates(pairs) if self._paired is not None else {})
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
            if self._paired is not None:
                self._paired.attach(self.optimizer, pairs)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int] | None:
        """The order of the samples is a function of the seed alone, not of what the model drew before."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        generator = self._order = torch.Generator().manual_seed(self.args.data_seed)
        if self._quotas is not None:
            return QuotaSampler(self.train_dataset["task"][:], self._quotas, generator)
        if not self._by_text:
            return self._drawn(rows, self.train_dataset, generator)
        windows = windows_by_text(self.train_dataset["idx"][:])
        firsts = self.train_dataset.select([own[0] for own in windows])
        return WindowSampler(self._drawn(firsts, firsts, generator), windows, generator)

    def _drawn(self, rows: Any, described: Any, generator: torch.Generator) -> Sampler[int]:
        """The order of rows, whose labels and lengths another data set has: the model takes no such columns."""
        if self._sampling is not None:
            return by_class(self._sampling, described["labels"][:], generator)
        match self.args.train_sampling_strategy:
            case "sequential":
                return SequentialSampler(rows)
            case "group_by_length":
                size = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
                return LengthGroupedSampler(described["length"][:], size, generator)
        return RandomSampler(rows, generator=generator)

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler[int]:
        """The rows in their order, always: it is in this order that their numbers are written next to predictions."""
        return SequentialSampler(eval_dataset)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        self.meter.tokens += int(inputs["attention_mask"].sum())
        self.meter.samples += len(inputs["input_ids"])
        self.meter.see(inputs["input_ids"].cpu().numpy().tobytes())
        started = time.perf_counter()
        with record_function(STEP):
            loss = super().training_step(model, inputs, *args, **kwargs)
        self.meter.step_s.append(time.perf_counter() - started)
        return loss

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Loss:
        """The task's loss plus every adapter's auxiliary loss, which is logged apart.

        Of the outputs the logits alone are handed on: an encoder-decoder gives its encoder's states besides, which
        differ in shape from batch to batch and are nothing that a metric reads.
        """
        labels = inputs.get("labels")
        with record_function(FORWARD):
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **kwargs)
        if model.training and self._weights is not None and labels is not None:
            loss = weighted_loss(outputs.logits, labels, self._weights, self.args.label_smoothing_factor)
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
        logits, labels, kind = output.predictions, output.label_ids, self._kinds.get(self._split)
        if kind is not None:
            rows: Any = self.eval_dataset
            logits, labels = kind.gather(logits, labels, rows[self._split])
        self._units[self._split] = logits, labels
        return self._compute[self._split](logits, labels)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        self._split = kwargs.get("metric_key_prefix", "eval").removeprefix("eval_")
        output = super().evaluation_loop(*args, **kwargs)
        self._outputs[kwargs.get("metric_key_prefix", "eval")] = output
        return output

    def evaluate(
        self,
        eval_dataset: Dataset | dict[str, Dataset] | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
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
        self.on_evaluation(
            Evaluation(
                epoch=self.state.epoch or 0.0,
                step=self.state.global_step,
                metrics={
                    split: _plain(output.metrics, f"{metric_key_prefix}_{split}_") for split, output in outputs.items()
                },
                logits={split: self._units[split][0] for split in splits},
                labels={split: self._units[split][1] for split in splits},
            )
        )
        return metrics


def _plain(metrics: dict[str, float], prefix: str) -> dict[str, float]:
    """The task's metrics and the loss under their own names, the Trainer's speeds left out."""
    speeds = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time")
    plain = {name.removeprefix(prefix): value for name, value in metrics.items()}
    return {name: float(value) for name, value in plain.items() if name not in speeds and name != "epoch"}
