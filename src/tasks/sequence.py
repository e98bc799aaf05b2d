"""What kinds that answer a text as a whole have in common: transformers' sequence classifiers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from src.tasks.kind import TaskKind
from src.tasks.signatures import Array, Cell, Collator, Rows
from src.tasks.text_windows import text_windows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase
    from transformers.models.auto.auto_factory import _BaseAutoModelClass


class SequenceKind(TaskKind):
    """One answer a text, or a pair of texts, read off one token or a pool of them.

    Of a text that is read in windows the logits are the mean of its windows'.
    """

    reads_every_token: ClassVar[bool] = False
    peft_type: ClassVar[str] = "SEQ_CLS"
    model_title: ClassVar[str] = "sequence classifier"

    def model_class(self) -> "type[_BaseAutoModelClass]":
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification

    def encode(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        pair = [rows["text_pair"]] if "text_pair" in rows else []
        found: dict[str, list[Cell]] = dict(tokenizer(rows["text"], *pair, truncation=True, max_length=max_length))
        return found | ({"labels": self.batch_labels(rows["label"])} if "label" in rows else {})

    def encode_windows(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        if not self.windows_texts:
            return super().encode_windows(tokenizer, rows, max_length)
        seconds = list(map(str, rows["text_pair"])) if "text_pair" in rows else None
        found: dict[str, list[Cell]] = dict(text_windows(tokenizer, list(map(str, rows["text"])), seconds, max_length))
        if "label" in rows:
            labels, origins = self.batch_labels(rows["label"]), np.asarray(found["origin"])
            found["labels"] = [labels[origin] for origin in origins]
        return found

    def batch_labels(self, labels: Sequence[Cell]) -> list[Cell]:
        """The labels of rows as a batch has them."""
        return list(labels)

    def unit_index(self, rows: Rows) -> list[int]:
        index = np.asarray(rows["idx"][:])
        units = np.unique(index)
        found: list[int] = (index if len(units) == len(index) else units).tolist()
        return found

    def gather(self, logits: Array, labels: Array | None, rows: Rows) -> tuple[Array, Array | None]:
        units, first, unit, sizes = np.unique(
            np.asarray(rows["idx"][:]), return_index=True, return_inverse=True, return_counts=True
        )
        if len(units) == len(logits):  # each text is one row
            return logits, labels
        total = np.zeros((len(units), *logits.shape[1:]), dtype=np.float64)
        np.add.at(total, unit, logits)
        mean = (total / sizes.reshape(-1, *[1] * (logits.ndim - 1))).astype(np.float32)
        return mean, None if labels is None else labels[first]

    def same_labels(self, found: Array, rows: Rows) -> bool:
        own = np.asarray(rows["labels"][:])
        _, expected = self.gather(np.zeros((len(own), 1)), own, rows)
        return expected is not None and np.array_equal(found, expected)

    def collator(self, tokenizer: "PreTrainedTokenizerBase") -> Collator:
        from transformers import DataCollatorWithPadding

        return DataCollatorWithPadding(tokenizer)
