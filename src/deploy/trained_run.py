"""A run folder as something to use: its classifier, ready for text."""

import functools
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from src.data.normalise import check_characters
from src.data.saved import read_data
from src.models.classifier import Classifier, load_classifier
from src.runs.finished import open_run
from src.runs.layout import RunFolder
from src.runs.run_record import RunRecord
from src.tasks import Prediction
from src.utils.errors import UserError

LONGEST = 512  # tokens, where neither the record nor the model bounds an input
AUTOCAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}  # as the record names a run's precision


@dataclass(frozen=True)
class TrainedRun:
    """A finished run's classifier in eval mode, on a GPU where there is one.

    Attributes:
        folder: the run's folder.
        record: its ``result.json``.
        classifier: the adapted model on its backbone.
    """

    folder: Path
    record: RunRecord
    classifier: Classifier

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes in the order of the logits; none where answers are numbers."""
        return self.classifier.space.names

    @property
    def text(self) -> tuple[str, ...] | None:
        """The task's one or two text columns; None where the record does not name them."""
        return tuple(self.record.text) or None

    @property
    def max_length(self) -> int:
        """Tokens an input is cut to: as in training, and no more than the model has positions for."""
        most = self.classifier.backbone.tokenizer.model_max_length
        return min(self.record.max_length or LONGEST, most)

    def tokenise(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[dict[str, list[int]]]:
        """One encoding a row, not padded, cut as in training.

        Raises:
            UserError: if the task takes pairs and there are none, or the reverse; if a text holds what is no character.
        """
        if self.text is not None and (len(self.text) == 2) != (pairs is not None):
            wanted = f"two texts ({' and '.join(self.text)})" if len(self.text) == 2 else f"one text ({self.text[0]})"
            raise UserError(f"{self.folder} was trained on {wanted} a row, not {2 if pairs is not None else 1}")
        if not len(texts):
            return []
        for column in (texts, *([] if pairs is None else [pairs])):
            for row, text in enumerate(column):
                check_characters(text, functools.partial("text {}".format, row))
        rows = zip(texts, pairs, strict=True) if pairs is not None else ((text,) for text in texts)
        tokenizer = self.classifier.backbone.tokenizer
        return [dict(tokenizer(*row, truncation=True, max_length=self.max_length)) for row in rows]

    def logits(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        *,
        batch_size: int = 64,
        precision: str = "fp32",
        progress: bool = False,
    ) -> Tensor:
        """The model's outputs, ``(rows, outputs)`` in float32 on the CPU.

        Args:
            texts: one text a row.
            pairs: the second text of each row, if the task takes two.
            batch_size: rows at a time; rows of like length go together, the longest first.
            precision: fp32, or bf16 or fp16 for autocast to it.
            progress: show a bar.
        """
        rows = self.tokenise(texts, pairs)
        return batched_logits(
            self.classifier.model, self.classifier.backbone.tokenizer, rows, batch_size, precision, progress
        )

    def predict(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 64, progress: bool = False
    ) -> list[Prediction]:
        """Each row's answer."""
        return self.answers(self.logits(texts, pairs, batch_size=batch_size, progress=progress))

    def answers(self, logits: Tensor) -> list[Prediction]:
        """What logits of this run's head, ``(rows, outputs)``, mean."""
        return self.classifier.space.kind.answers(logits, self.label_names)

    def config(self) -> DictConfig:
        """Of the config that Hydra left in the folder the node ``data``, checked; see ``read_data``."""
        return read_data(self.folder)


def load_run(path: str | Path) -> TrainedRun:
    """Load a finished run: ``load_run("outputs/...").predict(["A sentence."])``.

    Raises:
        UserError: if the folder is no run or the run has failed, or the weights of its backbone have changed.
    """
    folder, record = open_run(path)
    classifier = load_classifier(RunFolder(folder).adapter)
    classifier.model.to("cuda" if torch.cuda.is_available() else "cpu")
    return TrainedRun(folder, record, classifier)


@torch.no_grad()
def batched_logits(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[dict[str, list[int]]],
    batch_size: int = 64,
    precision: str = "fp32",
    progress: bool = False,
) -> Tensor:
    """A model's logits for tokenised rows, in their order; see ``TrainedRun.logits``."""
    device = next(model.parameters()).device
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row]["input_ids"]))
    dtype = AUTOCAST[precision]
    with tqdm(total=len(rows), unit="row", dynamic_ncols=True, disable=None if progress else True) as bar:
        for start in range(0, len(rows), batch_size):
            chosen = order[start : start + batch_size]
            batch = tokenizer.pad([rows[row] for row in chosen], return_tensors="pt").to(device)
            with torch.autocast(device.type, dtype) if dtype else nullcontext():
                outputs = model(**batch).logits.float().cpu()
            for row, output in zip(chosen, outputs, strict=True):
                found[row] = output
            bar.update(len(chosen))
    config: Any = model.config
    return torch.stack(found) if rows else torch.empty(0, config.num_labels)
