"""One run, from config to scores: data, model, training, selection, and what is kept of it."""

import logging
import time
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from omegaconf import DictConfig, OmegaConf
from torch import nn
from transformers import DataCollatorWithPadding, PrinterCallback

from src.data.encode import encode
from src.data.load import TaskData, load_data
from src.errors import UserError
from src.metrics import make_compute
from src.models.classifier import Classifier, build_classifier, load_classifier, save_classifier
from src.models.inject import adapters
from src.training import memory
from src.training.arguments import training_arguments
from src.training.diagnostics import diagnose
from src.training.predictions import write_predictions
from src.training.progress import ProgressBar
from src.training.record import PREDICTIONS, SUMMARY, Record
from src.training.selection import HOLDOUT, Selector
from src.training.summary import model_summary
from src.training.trainer import ArenaTrainer, Evaluation

log = logging.getLogger(__name__)

ADAPTER_FOLDER = "adapter"
RELOAD_TOLERANCE = 1e-4  # of a logit: a GPU may choose another kernel for the same product


def fit(cfg: DictConfig, record: Record) -> float:
    """Train, select, save, check and record.

    Args:
        cfg: the composed and validated config.
        record: the open record of the run.

    Returns:
        The primary metric on the first evaluation split at the selected epoch.

    Raises:
        UserError: on a mistake that only data or model reveal, and on a diverged training.
    """
    started = time.perf_counter()
    config: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    training, seed = config["training"], config["seed"]
    args = training_arguments(training, record.folder, seed)
    data = load_data(cfg.data, holdout=training["selection"] == "holdout")
    task = data.task
    classifier = build_classifier(
        config["model"],
        config["backbone"],
        label_names=task.label_names,
        seed=seed,
        training_texts=lambda: _texts(data),
    )
    encoded = {
        split: rows if split == "train" else _longest_first(rows)
        for split, rows in encode(data, classifier.backbone.tokenizer, config["data"]["max_length"]).items()
        if split in ("train", HOLDOUT, *task.evaluation_splits)
    }
    _describe(record, classifier, data, encoded)

    selector = Selector(training["selection"], task.primary_metric, task.evaluation_splits[0])
    kept: dict[str, torch.Tensor] = {}
    collator = DataCollatorWithPadding(classifier.backbone.tokenizer)
    evaluation_sets = {split: rows for split, rows in encoded.items() if split != "train"}
    probe = _batch(evaluation_sets[task.evaluation_splits[0]], collator, args.per_device_eval_batch_size)

    def on_evaluation(evaluation: Evaluation) -> None:
        for split, metrics in evaluation.metrics.items():
            record.log(event="eval", split=split, step=evaluation.step, epoch=evaluation.epoch, **metrics)
            shown = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            log.info("epoch %g, %s: %s", round(evaluation.epoch, 2), split, shown)
        if numbers := diagnose(classifier.model, probe):
            record.log(event="diagnostics", step=evaluation.step, epoch=evaluation.epoch, **numbers)
        if selector.add(evaluation):
            kept.clear()
            kept.update({name: tensor.to("cpu", copy=True) for name, tensor in classifier.state().items()})

    compute = make_compute(task.metrics, task.regression)
    trainer = ArenaTrainer(
        model=classifier.model,
        args=args,
        head=classifier.backbone.head,
        head_learning_rate=config["model"]["head"]["learning_rate"],
        on_evaluation=on_evaluation,
        on_log=lambda line: record.log(event="train", **line),
        train_dataset=encoded["train"],
        eval_dataset=evaluation_sets,
        data_collator=collator,
        compute_metrics=lambda output: compute(output.predictions, output.label_ids),
        callbacks=[] if args.disable_tqdm else [_bar(config, task)],
    )
    trainer.remove_callback(PrinterCallback)
    for callback in [c for c in trainer.callback_handler.callbacks if type(c).__name__ == "ProgressCallback"]:
        trainer.remove_callback(callback)
    memory.reset_peak()
    trainer.train()
    record.update(memory=memory.peak())
    assert selector.selected and selector.last and selector.best

    value = selector.selected.metrics[selector.split][task.primary_metric]
    record.update(
        metrics={
            name: _metrics(getattr(selector, name), task.evaluation_splits) for name in ("last", "best", "selected")
        }
        | ({HOLDOUT: selector.selected.metrics[HOLDOUT]} if HOLDOUT in selector.selected.metrics else {}),
        epochs={name: getattr(selector, name).epoch for name in ("last", "best", "selected")},
        primary_metric={"name": task.primary_metric, "value": value, "split": selector.split},
        flags=_flags(selector.selected, selector.split, value, task.regression),
        batches_fingerprint=trainer.meter.batches.hexdigest()[:16],
    )
    if record.writes:
        folder = record.folder / ADAPTER_FOLDER
        index = {split: evaluation_sets[split]["idx"] for split in task.evaluation_splits}
        write_predictions(record.folder / PREDICTIONS, selector.selected, index, task.regression)
        size = save_classifier(classifier, folder, kept)
        classifier.load_state(kept)
        difference = reload_difference(classifier.model, load_classifier(folder).model, probe)
        if not difference <= RELOAD_TOLERANCE:
            raise RuntimeError(
                f"the adapter loaded from {folder} gives other logits than the trained model: they differ by "
                f"{difference:.3g}, and at most {RELOAD_TOLERANCE:g} is allowed"
            )
        record.update(adapter_bytes=size, reload_max_difference=difference)
    record.update(time={**trainer.meter.times(), "total_s": time.perf_counter() - started})
    log.info(
        "%s %s = %.4f on %s (epoch %g)",
        record.folder,
        task.primary_metric,
        value,
        selector.split,
        selector.selected.epoch,
    )
    return value


def _describe(record: Record, classifier: Classifier, data: TaskData, encoded: dict[str, Dataset]) -> None:
    """Record what is known before training, so that a failed run says as much as possible."""
    summary = model_summary(classifier)
    record.write_text(SUMMARY, summary)
    log.info("%s", "\n".join(summary.splitlines()[-6:]))
    loud = [name for name, adapter in adapters(classifier.model) if not adapter.identity_at_start]
    if loud:
        log.warning("%d layers do not start at the base's output: a published non-identity start", len(loud))
    cuda = torch.cuda.is_available()
    record.fields["hardware"] |= {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "torch_threads": torch.get_num_threads(),
    }
    if not classifier.counts["trainable"]:
        raise UserError("nothing is trained: model.head.train=false, and the method trains no parameter")
    record.update(
        params=classifier.counts,
        adapted_modules=classifier.adapted,
        identity_at_start=not loud,
        adapter_config=classifier.description["model"].get("adapter"),
        rows={split: len(rows) for split, rows in encoded.items()},
        data_fingerprint=data.fingerprint,
        backbone_fingerprint=classifier.backbone.fingerprint,
    )


@torch.no_grad()
def reload_difference(trained: nn.Module, reloaded: nn.Module, batch: dict[str, torch.Tensor]) -> float:
    """Largest difference between the two models' logits on a batch, in eval mode."""
    device = next(trained.parameters()).device
    trained.eval()
    inputs = {name: tensor.to(device) for name, tensor in batch.items() if name != "labels"}
    return float((trained(**inputs).logits - reloaded.to(device)(**inputs).logits).abs().max())


def _batch(rows: Dataset, collator: DataCollatorWithPadding, size: int) -> dict[str, torch.Tensor]:
    names = [name for name in rows.column_names if name not in ("idx", "length")]
    return dict(collator([{name: row[name] for name in names} for row in rows.select(range(min(size, len(rows))))]))


def _longest_first(rows: Dataset) -> Dataset:
    """Evaluation batches of similar lengths waste no padding, and the largest comes first, so memory fails early."""
    return rows.select(np.argsort(-np.asarray(rows["length"]), kind="stable"))


def _texts(data: TaskData) -> list[str]:
    rows = data.splits["train"]
    if "text_pair" not in rows.column_names:
        return list(rows["text"])
    return [f"{a} {b}" for a, b in zip(rows["text"], rows["text_pair"], strict=True)]


def _bar(config: dict[str, Any], task: Any) -> ProgressBar:
    return ProgressBar(f"{config['model']['name']} {task.name}", task.primary_metric, task.evaluation_splits[0])


def _metrics(evaluation: Evaluation, splits: tuple[str, ...]) -> dict[str, float]:
    """The first split's metrics by name, those of further splits as ``name/split``."""
    first, *further = splits
    return evaluation.metrics[first] | {
        f"{name}/{split}": value for split in further for name, value in evaluation.metrics[split].items()
    }


def _flags(evaluation: Evaluation, split: str, value: float, regression: bool) -> list[str]:
    """What should keep a run's score from being averaged without a look."""
    logits = evaluation.logits[split].reshape(len(evaluation.labels[split]), -1)
    predictions = logits[:, 0] if regression else logits.argmax(-1)
    flags = []
    if not np.isfinite(value):
        flags.append("metric_is_nan")
    if np.unique(predictions).size == 1:
        flags.append("constant_predictions")
    return flags
