"""One run, from config to scores: data, model, training, selection, and what is kept of it."""

import functools
import json
import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from tqdm.contrib.logging import logging_redirect_tqdm
from transformers import DataCollatorWithPadding, PrinterCallback, ProgressCallback, TrainingArguments

from src.data.encode import encode
from src.data.load import TaskData, load_data
from src.data.mixed import MixedData, encode_mix, is_mix, load_mix, with_means
from src.data.task import Task
from src.models.classifier import Classifier, build_classifier, load_classifier, save_classifier
from src.models.warm_start import start_from
from src.runs.layout import ADAPTER, PREDICTIONS, SUMMARY
from src.runs.predictions_writing import write_predictions
from src.runs.record import Record
from src.tasks.table import check_smoothing
from src.training import interrupt
from src.training import peak_memory as memory
from src.training.arguments import training_arguments
from src.training.checkpoint import Checkpoints
from src.training.diagnostics import diagnose
from src.training.execution import ALONE, Execution
from src.training.model_summary import model_summary
from src.training.profile import ProfileCallback
from src.training.progress import ProgressBar, one_of_many
from src.training.selection import HOLDOUT, Selector
from src.training.trainer import DIVERGED, Evaluation
from src.training.watch import make_watch
from src.utils.errors import UserError

log = logging.getLogger(__name__)

RELOAD_TOLERANCE = 1e-4  # of a logit: a GPU may choose another kernel for the same product


@dataclass(frozen=True)
class Job:
    """Everything a run needs, loaded and checked."""

    config: dict[str, Any]
    args: TrainingArguments
    data: TaskData | MixedData
    classifier: Classifier
    rows: dict[str, Dataset]  # tokenised: train, holdout if used, every evaluation split
    split_tasks: dict[str, Task]  # the task of each of these splits but train

    @property
    def task(self) -> Task:
        return self.data.task

    @property
    def reported(self) -> dict[str, Task]:
        """The splits whose predictions are kept."""
        return {split: task for split, task in self.split_tasks.items() if split.rpartition("/")[2] != HOLDOUT}

    @property
    def scored(self) -> dict[str, Task]:
        """The splits that the primary metric is of: of every task the first."""
        return {
            split: task
            for split, task in self.split_tasks.items()
            if split.rpartition("/")[2] == task.evaluation_splits[0]
        }

    @functools.cached_property
    def evaluation_rows(self) -> dict[str, Dataset]:
        """Of every split but train, the longest first."""
        return {split: rows for split, rows in self.rows.items() if split != "train"}


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
    _describe(record, job)
    task, classifier = job.task, job.classifier
    selector = Selector(job.config["training"]["selection"], task.primary_metric, task.evaluation_splits[0])
    kept: dict[str, Tensor] = {}
    collator = DataCollatorWithPadding(classifier.backbone.tokenizer)
    probe = _batch([job.rows[split] for split in job.scored], collator, job.args.per_device_eval_batch_size)

    watch = make_watch(job.config.get("watch"))

    def on_evaluation(evaluation: Evaluation) -> None:
        if isinstance(job.data, MixedData):
            evaluation = replace(evaluation, metrics=with_means(evaluation.metrics, job.split_tasks))
        _record_evaluation(record, evaluation, diagnose(classifier.model, probe))
        if selector.add(evaluation):
            kept.update({name: tensor.to("cpu", copy=True) for name, tensor in classifier.state().items()})
        if watch is not None and HOLDOUT in evaluation.metrics:
            watch(evaluation.epoch, evaluation.metrics[HOLDOUT][task.primary_metric])

    def collect() -> dict[str, Any]:
        return {
            "model": dict(classifier.state()),
            "schedule": classifier.schedule and classifier.schedule.state(),
            "selector": selector.state(),
            "kept": kept,
            "history": record.history_size(),
            "total_s": time.perf_counter() - started,
        }

    def restore(state: dict[str, Any] | None) -> None:
        nonlocal started
        record.start_over(0 if state is None else state["history"])
        if state is None:
            return
        with torch.no_grad():
            classifier.load_state(state["model"])
        if classifier.schedule:
            classifier.schedule.load_state(state["schedule"])
        selector.load_state(state["selector"])
        kept.update(state["kept"])
        started -= state["total_s"]

    checkpoints = Checkpoints(
        record.folder, job.config["checkpoint"]["every"], record.fields["identity"], collect, restore
    )
    trainer = execution.make_trainer(
        model=classifier.model,
        args=job.args,
        head=classifier.backbone.head,
        head_learning_rate=job.config["model"]["head"]["learning_rate"],
        on_evaluation=on_evaluation,
        on_log=lambda line: record.log(event="train", **line),
        checkpoints=checkpoints,
        adaptation=classifier.adaptation,
        train_dataset=job.rows["train"],
        eval_dataset=job.evaluation_rows,
        data_collator=collator,
        compute={split: own.space.kind.compute(own.metrics) for split, own in job.split_tasks.items()},
        quotas=job.data.quotas if isinstance(job.data, MixedData) else None,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if not job.args.disable_tqdm:
        title = f"{job.config['model']['name']} {task.name}"
        trainer.add_callback(ProgressBar(title, task.primary_metric, selector.split))
    if job.config["training"]["profile"] and record.writes:
        trainer.add_callback(ProfileCallback(record.folder))
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
    value = _record_scores(record, selector, job)
    if record.writes:
        _save(record, job, selector, kept, probe)
    record.update(time=trainer.meter.times() | {"total_s": time.perf_counter() - started})
    return value


def prepare(cfg: DictConfig, record: Record) -> Job:
    """Load data and model; what is cheap to check comes first."""
    config: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    args = training_arguments(config["training"], record.folder, config["seed"])
    holdout = config["training"]["selection"] == "holdout"
    mixed = load_mix(config["data"], holdout=holdout) if is_mix(config["data"]) else None
    data = mixed or load_data(cfg.data, holdout=holdout)
    if mixed is None:  # known only now where the labels themselves decide it
        check_smoothing(args.label_smoothing_factor, data.task.name, data.task.space.kind)
    classifier = build_classifier(
        config["model"],
        config["backbone"],
        seed=config["seed"],
        training_texts=lambda: _texts(data),
        tasks={name: part.task.space for name, part in mixed.parts.items()} if mixed else {"": data.task.space},
    )
    if start := start_from(classifier, config.get("init_from")):
        record.update(init_from=start)
    tokenizer, max_length = classifier.backbone.tokenizer, config["data"]["max_length"]
    if isinstance(data, MixedData):
        rows, split_tasks = encode_mix(data, tokenizer, max_length), data.split_tasks()
    else:
        split_tasks = {split: data.task for split in (HOLDOUT, *data.task.evaluation_splits) if split in data.splits}
        rows = encode(data, tokenizer, max_length, ["train", *split_tasks])
    rows |= {split: _longest_first(rows[split]) for split in split_tasks}
    return Job(config, args, data, classifier, rows, split_tasks)


def _describe(record: Record, job: Job) -> None:
    """Record what is known before training, so that a failed run says as much as possible."""
    classifier = job.classifier
    summary = model_summary(classifier)
    record.write_text(SUMMARY, summary)
    for line in summary.rpartition("\n\n")[2].splitlines():
        log.info("%s", line)
    if not classifier.counts["trainable"]:
        raise UserError("nothing is trained: model.head.train=false, and the method trains no parameter")
    if not classifier.identity_at_start:
        log.warning(
            "the adapted layers do not start at the base's output: a published start of that kind, or init_from"
        )
    head = classifier.backbone.head_start
    log.info("head: %s (%s)", head.how, head.why)
    device = torch.cuda.get_device_name() if job.args.device.type == "cuda" else job.args.device.type
    precision = "bf16" if job.args.bf16 else "fp16" if job.args.fp16 else "fp32"
    record.update(
        params=classifier.counts,
        adapted_modules=classifier.adapted,
        adapter_config=classifier.description["model"].get("adapter"),
        identity_at_start=classifier.identity_at_start,
        head_start=head.how,
        shortcuts=list(classifier.shortcuts),
        training=job.config["training"] | {"precision": precision},
        max_length=job.config["data"]["max_length"],
        processes=job.args.world_size,  # each with the config's batch size
        text=list(job.task.text),
        tasks=list(job.data.parts) if isinstance(job.data, MixedData) else None,
        rows={split: len(rows) for split, rows in job.rows.items()},
        data_fingerprint=job.data.fingerprint,
        backbone_fingerprint=classifier.backbone.fingerprint,
        hardware=record.fields["hardware"] | {"device": device, "torch_threads": torch.get_num_threads()},
    )


def _record_evaluation(record: Record, evaluation: Evaluation, diagnostics: dict[str, float]) -> None:
    when = {"step": evaluation.step, "epoch": evaluation.epoch}
    for split, metrics in evaluation.metrics.items():
        record.log(event="eval", split=split, **when, **metrics)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        log.info("epoch %.3g, %s: %s", evaluation.epoch, split, shown)
    if diagnostics:
        record.log(event="diagnostics", **when, **diagnostics)


def _record_scores(record: Record, selector: Selector, job: Job) -> float:
    """Record the last, best and selected epoch's scores; return the selected primary metric."""
    task = job.task
    chosen = {"last": selector.last, "best": selector.best, "selected": selector.selected}
    found = {name: evaluation for name, evaluation in chosen.items() if evaluation is not None}
    selected = found["selected"]
    value = selected.metrics[selector.split][task.primary_metric]
    metrics = {name: _metrics(evaluation, task.evaluation_splits) for name, evaluation in found.items()}
    if HOLDOUT in selected.metrics:
        metrics[HOLDOUT] = selected.metrics[HOLDOUT]
    record.update(
        metrics=metrics,
        epochs={name: evaluation.epoch for name, evaluation in found.items()},
        primary_metric={"name": task.primary_metric, "value": value, "split": selector.split},
        flags=_flags(selected, job.scored, value),
    )
    log.info(
        "%s %.4f on %s at epoch %.3g: %s", task.primary_metric, value, selector.split, selected.epoch, record.folder
    )
    return value


def _metrics(evaluation: Evaluation, splits: tuple[str, ...]) -> dict[str, float]:
    """The first split's metrics by name, those of further splits as ``name/split``."""
    first, *further = splits
    return evaluation.metrics[first] | {
        f"{name}/{split}": value for split in further for name, value in evaluation.metrics[split].items()
    }


def _flags(evaluation: Evaluation, scored: Mapping[str, Task], value: float) -> list[str]:
    """What should keep a run's score from being averaged without a look."""
    flags = [] if np.isfinite(value) else ["metric_is_nan"]
    for split, task in scored.items():
        logits = evaluation.logits[split].reshape(len(evaluation.labels[split]), -1)
        if np.unique(task.space.kind.predictions(logits)).size == 1 and "constant_predictions" not in flags:
            flags.append("constant_predictions")
    return flags


def _save(record: Record, job: Job, selector: Selector, kept: dict[str, Tensor], probe: dict[str, Tensor]) -> None:
    """Write predictions and adapter of the selected epoch; then prove that the saved adapter is the trained one."""
    assert selector.selected is not None
    if not all(np.isfinite(logits).all() for logits in selector.selected.logits.values()):
        raise UserError(f"the trained model's logits are not finite: {DIVERGED}")
    index = {split: job.evaluation_rows[split]["idx"][:] for split in job.reported}
    kinds = {split: task.space.kind for split, task in job.reported.items()}
    write_predictions(record.folder / PREDICTIONS, selector.selected.logits, selector.selected.labels, index, kinds)
    folder = record.folder / ADAPTER
    size = save_classifier(job.classifier, folder, kept)
    job.classifier.load_state(kept)
    difference = reload_difference(job.classifier.model, load_classifier(folder, own=True).model, probe)
    if not difference <= RELOAD_TOLERANCE:
        raise RuntimeError(
            f"the adapter loaded from {folder} gives other logits than the trained model: they differ by "
            f"{difference:.3g}, and at most {RELOAD_TOLERANCE:g} is allowed"
        )
    record.update(adapter_bytes=size, reload_max_difference=difference)


@torch.no_grad()
def reload_difference(trained: nn.Module, reloaded: nn.Module, batch: dict[str, Tensor]) -> float:
    """Largest difference between the two models' logits on a batch, in eval mode."""
    trained.eval()
    device = next(trained.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in batch.items() if name != "labels"}
    return float((trained(**inputs).logits - reloaded.to(device).eval()(**inputs).logits).abs().max())


def _batch(splits: list[Dataset], collator: DataCollatorWithPadding, size: int) -> dict[str, Tensor]:
    """The first rows of each split as one batch."""
    columns = [name for name in splits[0].column_names if name not in ("idx", "length")]
    return dict(collator([row for rows in splits for row in rows.select_columns(columns).take(min(size, len(rows)))]))


def _longest_first(rows: Dataset) -> Dataset:
    """Evaluation batches of similar lengths waste no padding, and the largest comes first, so memory fails early."""
    return rows.select(np.argsort(-np.asarray(rows["length"][:]), kind="stable"))


def _texts(data: TaskData | MixedData) -> list[str]:
    if isinstance(data, MixedData):
        return [text for part in data.parts.values() for text in _texts(part)]
    rows = data.splits["train"]
    pairs = rows["text_pair"] if "text_pair" in rows.column_names else [""] * len(rows)
    return [f"{text} {pair}".strip() for text, pair in zip(rows["text"], pairs, strict=True)]
