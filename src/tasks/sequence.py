"""What kinds that answer a text as a whole have in common: transformers' sequence classifiers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from src.tasks.kind import TaskKind
from src.tasks.signatures import Cell, Collator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase
    from transformers.models.auto.auto_factory import _BaseAutoModelClass


class SequenceKind(TaskKind):
    """One answer a text, or a pair of texts, read off one token or a pool of them."""

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
        return found | ({"labels": list(rows["label"])} if "label" in rows else {})

    def collator(self, tokenizer: "PreTrainedTokenizerBase") -> Collator:
        from transformers import DataCollatorWithPadding

        return DataCollatorWithPadding(tokenizer)
