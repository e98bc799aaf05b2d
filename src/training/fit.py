"""One run, from config to scores: data, model, training, selection, and what is kept of it."""

import json
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor
from tqdm.contrib.logging import logging_redirect_tqdm
from transformers import PrinterCallback, ProgressCallback

from src.data.load import HOLDOUT
from src.runs.record import Record
from src.training import interrupt
from src.training import peak_memory as memory
from src.training.checkpoint import Checkpoints
from src.training.describe import describe
from src.training.diagnostics import diagnose
from src.training.evaluation import Evaluation
from src.training.execution import ALONE, Execution
from src.training.keep import keep
from src.training.prepared_job import Job, prepare
from src.training.profile import ProfileCallback
from src.training.progress import ProgressBar, one_of_many
from src.training.scores import record_evaluation, record_scores, with_tuned
from src.training.selection import Selector
from src.training.trainer import VerdictTrainer
from src.training.watch import make_watch


def fit(cfg: DictConfig, record: Record, execution: Execution = ALONE) -> float:
    """Train, select, save, check and record.

    Args:
        cfg: the composed and validated config.
        record: the open record of the run.
        execution: how its steps are computed.

    Returns:
        The primary metric on the first evaluation split at the selected epoch.

    Raises:
        UserError: on a mistake that only data or model reveal, and on a diverged training.
        RuntimeError: if the saved adapter does not give the trained model's logits again.
    """
    started = time.perf_counter()
    job = prepare(cfg, record)
    execution.join(job.classifier)
    job.args.disable_tqdm |= not execution.shows_progress or one_of_many()  # the pack, the sweep shows all of its jobs
    describe(record, job)
    run = Fit(job, record, started)
    trainer = run.make_trainer(execution)
    memory.reset_peak()
    # Log lines go above the progress bar.
    with nullcontext() if job.args.disable_tqdm else logging_redirect_tqdm(), interrupt.deferred():
        trainer.train()
    record.update(
        packed=execution.report(),
        memory=memory.peak(),
        time=trainer.meter.times(),
        batches_fingerprint=trainer.meter.batches[:16],
        continued_from_step=trainer.continued and json.loads(trainer.continued["state"])["global_step"],
    )
    value = run.finish()
    record.update(time=trainer.meter.times() | {"total_s": time.perf_counter() - run.started})
    return value


class Fit:
    """A training under way: what it has found so far, which is what a checkpoint holds besides the Trainer's own state.

    Args:
        job: what is trained.
        record: the open record of the run.
        started: when the run was, by ``time.perf_counter``; of one that goes on, as if it had not been cut short.
    """

    def __init__(self, job: Job, record: Record, started: float) -> None:
        self.job, self.record, self.started = job, record, started
        data = job.data
        self.selector = Selector(job.config["training"]["selection"], data.primary_metric, data.evaluation_splits[0])
        self.kept: dict[str, Tensor] = {}  # what was trained, at the selected epoch
        self.collator = data.collator(job.classifier.backbone.tokenizer)
        self.probe = job.probe(self.collator)
        self.watch = make_watch(job.config.get("watch"))

    def state_dict(self) -> dict[str, Any]:
        """All that ``load_state_dict`` needs, in plain values and tensors."""
        classifier = self.job.classifier
        return {
            "model": dict(classifier.state()),
            "schedule": classifier.schedule and classifier.schedule.state(),
            "selector": self.selector.state_dict(),
            "kept": self.kept,
            "history": self.record.history_size(),
            "total_s": time.perf_counter() - self.started,
        }

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Go on from what ``state_dict`` gave; from None start at the beginning."""
        self.record.start_over(0 if state is None else state["history"])
        if state is None:
            return
        classifier = self.job.classifier
        with torch.no_grad():
            classifier.load_state(state["model"])
        if classifier.schedule:
            classifier.schedule.load_state(state["schedule"])
        self.selector.load_state_dict(state["selector"])
        self.kept.update(state["kept"])
        self.started -= state["total_s"]

    def make_trainer(self, execution: Execution) -> VerdictTrainer:
        """The trainer, with what listens to it."""
        job, record = self.job, self.record
        trainer = execution.make_trainer(
            model=job.classifier.model,
            args=job.args,
            head=job.classifier.backbone.head,
            head_learning_rate=job.config["model"]["head"]["learning_rate"],
            on_evaluation=self.on_evaluation,
            on_log=lambda line: record.log(event="train", **line),
            checkpoints=Checkpoints(record.folder, job.config["checkpoint"]["every"], record.fields["identity"], self),
            adaptation=job.classifier.adaptation,
            paired=job.paired_step,
            weights=job.class_weights,
            sampling=job.config["training"].get("sampling"),
            train_dataset=job.train_rows,
            eval_dataset=job.evaluation_rows,
            data_collator=self.collator,
            compute={
                split: own.space.kind.compute(own.metrics, own.label_names) for split, own in job.split_tasks.items()
            },
            kinds={split: own.space.kind for split, own in job.split_tasks.items()},
            quotas=job.data.quotas,
            by_text=job.by_text,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        if not job.args.disable_tqdm:
            title = f"{job.config['model']['name']} {job.data.name}"
            trainer.add_callback(ProgressBar(title, job.data.primary_metric, self.selector.split))
        if job.config["training"]["profile"] and record.writes:
            trainer.add_callback(ProfileCallback(record.folder))
        return trainer

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Record an epoch's evaluation, and keep what was trained if the epoch is the selected one now."""
        self._check_order(evaluation)
        model, metric = self.job.classifier, self.job.data.primary_metric
        evaluation = replace(evaluation, metrics=self.job.data.with_means(with_tuned(evaluation, self.job.split_tasks)))
        record_evaluation(self.record, evaluation, diagnose(model.model, self.probe))
        if self.selector.add(evaluation):
            self.kept.update({name: tensor.to("cpu", copy=True) for name, tensor in model.state().items()})
        if self.watch is not None and HOLDOUT in evaluation.metrics:
            self.watch(evaluation.epoch, evaluation.metrics[HOLDOUT][metric])

    def _check_order(self, evaluation: Evaluation) -> None:
        """Predictions are written beside the rows' numbers: that the rows kept their order is seen in the labels."""
        for split, task in self.job.split_tasks.items():
            rows = self.job.evaluation_rows[split]
            if not task.space.kind.same_labels(evaluation.labels[split], rows):
                raise RuntimeError(f"the rows of {split} were not evaluated in their order")

    def finish(self) -> float:
        """Record the scores, and keep predictions and adapter; returns the selected primary metric."""
        value = record_scores(self.record, self.selector, self.job)
        if self.record.writes:
            assert self.selector.selected is not None
            keep(self.record, self.job, self.selector.selected, self.kept, self.probe)
        return value
