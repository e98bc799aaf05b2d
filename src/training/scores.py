"""What a run's record says of its evaluations."""

import logging
from collections.abc import Mapping

import numpy as np

from src.data.load import HOLDOUT
from src.data.task import Task
from src.runs.record import Record
from src.training.evaluation import Evaluation
from src.training.prepared_job import Job
from src.training.selection import Selector

log = logging.getLogger(__name__)


def with_tuned(evaluation: Evaluation, tasks: Mapping[str, Task]) -> dict[str, dict[str, float]]:
    """Every split's metrics, and what its kind of task scores with something picked on the held-out rows."""
    found = {split: dict(metrics) for split, metrics in evaluation.metrics.items()}
    for split, task in tasks.items():
        name, _, own = split.rpartition("/")
        held = f"{name}/{HOLDOUT}" if name else HOLDOUT
        if own != HOLDOUT and held in evaluation.logits and np.isfinite(evaluation.logits[held]).all():
            picked = evaluation.logits[held], evaluation.labels[held]
            found[split] |= task.space.kind.tuned(*picked, evaluation.logits[split], evaluation.labels[split])
        if not task.has_loss:
            found[split].pop("loss", None)
    return found


def record_evaluation(record: Record, evaluation: Evaluation, diagnostics: dict[str, float]) -> None:
    """A line for each split in the run's history and in its log."""
    when = {"step": evaluation.step, "epoch": evaluation.epoch}
    for split, metrics in evaluation.metrics.items():
        record.log(event="eval", split=split, **when, **metrics)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        log.info("epoch %.3g, %s: %s", evaluation.epoch, split, shown)
    if diagnostics:
        record.log(event="diagnostics", **when, **diagnostics)


def record_scores(record: Record, selector: Selector, job: Job) -> float:
    """Record the last, best and selected epoch's scores; return the selected primary metric."""
    metric = job.data.primary_metric
    splits = (*job.data.evaluation_splits, *job.data.also)
    chosen = {"last": selector.last, "best": selector.best, "selected": selector.selected}
    found = {name: evaluation for name, evaluation in chosen.items() if evaluation is not None}
    selected = found["selected"]
    value = selected.metrics[selector.split][metric]
    metrics = {name: _metrics(evaluation, splits) for name, evaluation in found.items()}
    if HOLDOUT in selected.metrics:
        metrics[HOLDOUT] = selected.metrics[HOLDOUT]
    record.update(
        metrics=metrics,
        epochs={name: evaluation.epoch for name, evaluation in found.items()},
        primary_metric={"name": metric, "value": value, "split": selector.split},
        flags=_flags(selected, job.scored, value),
    )
    log.info("%s %.4f on %s at epoch %.3g: %s", metric, value, selector.split, selected.epoch, record.folder)
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
    constant = (task.space.kind.is_constant(evaluation.logits[split]) for split, task in scored.items())
    return [*flags, "constant_predictions"] if any(constant) else flags
