"""What kinds of task share whose model is a token classifier: logits for every token, and long texts in windows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from src.tasks.kind import TaskKind
from src.tasks.signatures import Cell

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase
    from transformers.models.auto.auto_factory import _BaseAutoModelClass


class TokenKind(TaskKind):
    """An answer a token; the tokens of a text that is longer than the model's input come from several windows."""

    picks_one: ClassVar[bool] = False
    reads_every_token: ClassVar[bool] = True
    several_labels: ClassVar[bool] = True
    windows_texts: ClassVar[bool] = True
    answers_every_token: ClassVar[bool] = True
    kept_as: ClassVar[type[np.generic]] = np.int64
    peft_type: ClassVar[str] = "TOKEN_CLS"
    model_title: ClassVar[str] = "token classifier"

    def encode_windows(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        return self.encode(tokenizer, rows, max_length)  # a long text is windowed anyhow

    def model_class(self) -> "type[_BaseAutoModelClass]":
        from transformers import AutoModelForTokenClassification

        return AutoModelForTokenClassification


def add_row(columns: dict[str, list[Cell]], row: Mapping[str, Cell]) -> None:
    """Add an encoded row to the columns of those before it."""
    for name, value in row.items():
        columns.setdefault(name, []).append(value)
