"""What a run's record says before a step is done, so that a failed run says as much as possible."""

import logging
from collections.abc import Mapping

import numpy as np
import torch
from datasets import Dataset

from src.data.cut import CUT, one_a_text, windows_in
from src.runs.layout import SUMMARY
from src.runs.record import Record
from src.training.model_summary import model_summary
from src.training.prepared_job import Job
from src.utils.errors import UserError

log = logging.getLogger(__name__)


def describe(record: Record, job: Job) -> None:
    """Record settings, data and model.

    Raises:
        UserError: if nothing would be trained.
    """
    classifier = job.classifier
    _write_summary(record, job)
    if not classifier.counts["trainable"]:
        raise UserError("nothing is trained: model.head.train=false, and the method trains no parameter")
    if not classifier.identity_at_start:
        log.warning("the adapted layers do not start at the base's output: a published init of that kind, or init_from")
    head = classifier.backbone.head_init
    log.info("head: %s (%s)", head.how, head.why)
    rows = {"train": job.train_rows, **job.evaluation_rows}
    record.update(
        params=classifier.counts,
        adapted_modules=classifier.adapted,
        adapter_config=classifier.description["model"].get("adapter"),
        identity_at_start=classifier.identity_at_start,
        head_start=head.how,
        shortcuts=list(classifier.fast_paths),
        training=job.config["training"] | {"precision": _precision(job)},
        max_length=job.config["data"]["max_length"],
        long=job.config["data"].get("long", CUT),
        windows={split: n for split, own in rows.items() if (n := windows_in(own))},
        processes=job.args.world_size,  # each with the config's batch size
        text=list(job.data.text),
        tasks=job.data.tasks,
        rows=job.data.rows,
        labels=label_counts(rows, job),
        cut=job.cut,
        data_fingerprint=job.data.fingerprint,
        backbone_fingerprint=classifier.backbone.fingerprint,
        hardware=record.fields["hardware"] | {"device": _device(job), "torch_threads": torch.get_num_threads()},
    )


def label_counts(rows: Mapping[str, Dataset], job: Job) -> dict[str, dict[str, int]]:
    """How many rows of each split have each class, where a label is one class of one task."""
    spaces = list(job.data.spaces.values())
    if len(spaces) != 1 or not spaces[0].kind.picks_one:
        return {}
    return {
        split: {
            name: int((np.asarray(own["labels"][:])[one_a_text(own)] == number).sum())
            for name, number in _classes(split, job)
        }
        for split, own in rows.items()
        if "labels" in own.column_names
    }


def _classes(split: str, job: Job) -> list[tuple[str, int]]:
    """The classes of a split, and their numbers in its labels."""
    if (task := job.split_tasks.get(split)) is None:
        return [(name, number) for number, name in enumerate(next(iter(job.data.spaces.values())).names)]
    return list(zip(task.label_names, task.class_numbers, strict=True))


def _write_summary(record: Record, job: Job) -> None:
    summary = model_summary(job.classifier)
    record.write_text(SUMMARY, summary)
    for line in summary.rpartition("\n\n")[2].splitlines():
        log.info("%s", line)


def _device(job: Job) -> str:
    return torch.cuda.get_device_name() if job.args.device.type == "cuda" else job.args.device.type


def _precision(job: Job) -> str:
    return "bf16" if job.args.bf16 else "fp16" if job.args.fp16 else "fp32"
