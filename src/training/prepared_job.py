"""What a run needs, loaded and checked: settings, data, model, rows."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from transformers import TrainingArguments

from src.data.cut import CUT, WINDOW, one_a_text
from src.data.load import HOLDOUT
from src.data.mixed import Mix, load_mix
from src.data.task import Task
from src.models.classifier import Classifier, build_classifier
from src.models.warm_start import warm_start
from src.runs.record import Record
from src.tasks.kinds import check_smoothing
from src.training.arguments import training_arguments
from src.training.class_weights import check_sampling, class_weights
from src.training.model_limits import check_limits
from src.training.paired_step import PairedStep, paired_step


@dataclass(frozen=True)
class Job:
    """Everything a run needs.

    Attributes:
        config: the run's, as plain containers.
        args: the Trainer's settings.
        data: the tasks.
        classifier: the adapted model.
        train_rows: tokenised, of all tasks.
        evaluation_rows: of every split that is evaluated; the longest first, so that batches of similar lengths waste
            no padding and the largest comes first: memory fails early.
        split_tasks: the task of each of these splits.
        class_weights: of each class in the training loss; None for equal ones.
        cut: by split, the shares of rows that were cut and of tokens that were lost.
        paired_step: what ``training.optim`` does to low-rank factors besides, if anything.
    """

    config: dict[str, Any]
    args: TrainingArguments
    data: Mix
    classifier: Classifier
    train_rows: Dataset
    evaluation_rows: dict[str, Dataset]
    split_tasks: dict[str, Task]
    paired_step: PairedStep | None = None
    class_weights: Tensor | None = None
    cut: dict[str, dict[str, float]] = field(default_factory=dict)

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

    @property
    def by_text(self) -> bool:
        """Whether training rows are windows, of which an epoch shows one a text."""
        return _by_text(self.config, self.data)

    def probe(self, collator: Any) -> dict[str, Tensor]:
        """The first rows of each scored split as one batch, without labels."""
        splits, size = [self.evaluation_rows[split] for split in self.scored], self.args.per_device_eval_batch_size
        columns = [name for name in splits[0].column_names if name not in ("idx", "length", *self.data.label_columns)]
        rows = [row for own in splits for row in own.select_columns(columns).take(min(size, len(own)))]
        return dict(collator(rows))


def prepare(cfg: DictConfig, record: Record) -> Job:
    """Load data and model; what is cheap to check comes first.

    Raises:
        UserError: on a mistake that only data or model reveal.
    """
    config: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    args = training_arguments(config["training"], record.folder, config["seed"])
    data = load_mix(cfg.data, holdout=config["training"]["selection"] == "holdout")
    for name, space in data.spaces.items():  # known only now where the labels themselves decide it
        check_smoothing(args.label_smoothing_factor, name, space.kind)
    paired = paired_step(config["training"])
    classifier = build_classifier(
        config["model"],
        config["backbone"],
        seed=config["seed"],
        training_texts=data.texts,
        tasks=data.spaces,
    )
    check_limits(classifier.model, args)
    if paired is not None:
        paired.check(classifier.adaptation.pairs(), config["model"]["name"])
    if warm := warm_start(classifier, config.get("init_from")):
        record.update(init_from=warm)
    reading = config["data"]["max_length"], config["data"].get("long", CUT)
    rows = data.encode(classifier.backbone.tokenizer, *reading)
    cut = data.cut(rows, classifier.backbone.tokenizer, *reading)
    train = rows.pop("train")
    check_sampling(config["training"].get("sampling"), list(data.spaces.values()))
    texts = one_a_text(train) if _by_text(config, data) else None
    labels = (train if texts is None else train.select(texts))["labels"][:] if "labels" in train.column_names else []
    weights = class_weights(config["training"].get("class_weights"), list(data.spaces.values()), labels)
    evaluated = {split: _longest_first(own) for split, own in rows.items()}
    return Job(config, args, data, classifier, train, evaluated, data.split_tasks(), paired, weights, cut)


def _by_text(config: dict[str, Any], data: Mix) -> bool:
    """A kind that answers every token needs every window: what it answers in one it answers in no other."""
    kinds = [space.kind for space in data.spaces.values()]
    return config["data"].get("long", CUT) == WINDOW and not any(kind.answers_every_token for kind in kinds)


def _longest_first(rows: Dataset) -> Dataset:
    return rows.select(np.argsort(-np.asarray(rows["length"][:]), kind="stable"))
