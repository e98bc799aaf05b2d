"""What kinds that answer a text as a whole have in common: transformers' sequence classifiers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from src.tasks.kind import TaskKind


class SequenceKind(TaskKind):
    """One answer a text, or a pair of texts, read off one token or a pool of them."""

    reads_every_token: ClassVar[bool] = False
    peft_type: ClassVar[str] = "SEQ_CLS"
    model_title: ClassVar[str] = "sequence classifier"

    def model_class(self) -> Any:
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification

    def encode(self, tokenizer: Any, rows: Mapping[str, Sequence[Any]], max_length: int) -> dict[str, list[Any]]:
        pair = [rows["text_pair"]] if "text_pair" in rows else []
        found = dict(tokenizer(rows["text"], *pair, truncation=True, max_length=max_length))
        return found | ({"labels": rows["label"]} if "label" in rows else {})

    def collator(self, tokenizer: Any) -> Callable[[list[Mapping[str, Any]]], Mapping[str, Any]]:
        from transformers import DataCollatorWithPadding

        return DataCollatorWithPadding(tokenizer)
