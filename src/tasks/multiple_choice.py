"""Multiple choice: one of several candidates an example, which need not be as many in each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from src.metrics.metric import Reads
from src.tasks.candidates import BETWEEN, candidate_lists, candidates_of, contexts, parts_of, positions
from src.tasks.kind import MARK, NO_LOGIT
from src.tasks.prediction import Prediction
from src.tasks.sequence import SequenceKind
from src.tasks.side_by_side import pad_inputs, side_by_side
from src.tasks.signatures import Array, Cell, Collator, Place, Raw, Rows
from src.utils.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets.features.features import FeatureType
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedTokenizerBase


class MultipleChoice(SequenceKind):
    """n >= 2 candidates an example: cross entropy over one logit a candidate, the largest of which is the answer.

    A sequence classifier with one output reads the context with each candidate. A row has the context as ``text`` and
    the candidates, one a line, as ``text_pair``; ``label`` is the position of the right one, from 0. Where an example
    has fewer candidates than another, its last logits are ``NO_LOGIT``.
    """

    name: ClassVar[str] = "multiple_choice"
    title: ClassVar[str] = "a multiple choice"
    has_classes: ClassVar[bool] = False
    instead_of_classes: ClassVar[str] = ": a label is a position"
    picks_one: ClassVar[bool] = False
    smooths_labels: ClassVar[bool] = False
    several_inputs: ClassVar[bool] = True
    counts_from_zero: ClassVar[bool] = True
    note_columns: ClassVar[tuple[str, ...]] = ("candidates",)
    text_columns: ClassVar[tuple[int, int]] = (2, 100)
    text_rule: ClassVar[str] = "the column of the context, then one of all candidates, or one of each"
    kept_as: ClassVar[type[np.generic]] = np.int64

    def columns_read(self, text: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(part for name in text for part in parts_of(name)))

    def read_texts(self, columns: Mapping[str, Raw], text: Sequence[str], place: Place) -> dict[str, Raw]:
        first, *names = text
        lists = candidate_lists(columns, names, place)
        return {first: contexts(columns, first, place), ", ".join(names): [BETWEEN.join(own) for own in lists]}

    def read_labels(
        self,
        values: Raw,
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> "tuple[FeatureType, pa.Array]":
        import pyarrow as pa
        from datasets import Value

        return Value("int64"), pa.array(positions(values, column, place), pa.int64())

    def check_rows(self, texts: Sequence[str], labels: Sequence[Cell], place: Place) -> None:
        for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
            if int(str(label)) >= (count := len(candidates_of(text))):
                raise UserError(f"{place(row)}: label {label} is none of {count} candidates, which count from 0")

    def names_in(self, feature: "FeatureType") -> tuple[str, ...] | None:
        from datasets import Value

        return () if isinstance(feature, Value) and feature.dtype == "int64" else None

    def inputs(self, rows: Mapping[str, Sequence[Cell]]) -> list[list[tuple[str, ...]]]:
        pairs = zip(map(str, rows["text"]), map(str, rows["text_pair"]), strict=True)
        return [[(context, one) for one in candidates_of(text)] for context, text in pairs]

    def encode(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        if "text_pair" not in rows:
            raise UserError("a multiple choice reads a context and, as a second text, its candidates, one a line")
        inputs = self.inputs(rows)
        if none := [row for row, own in enumerate(inputs) if not own]:
            raise UserError(f"text {none[0]}: there are no candidates; they are the second text, one a line")
        found = side_by_side(tokenizer, inputs, max_length)
        found["candidates"] = [len(own) for own in inputs]
        return found | ({"labels": list(rows["label"])} if "label" in rows else {})

    def outputs(self, names: Sequence[str]) -> int:
        return 1

    def configure(self, config: "PretrainedConfig", names: Sequence[str]) -> None:
        config.problem_type = None
        config.num_labels = 1
        setattr(config, MARK, self.name)

    def names_of(self, config: "PretrainedConfig") -> tuple[str, ...] | None:
        return () if config.num_labels == 1 and getattr(config, MARK, None) == self.name else None

    def collator(self, tokenizer: "PreTrainedTokenizerBase") -> Collator:
        return lambda rows: pad_inputs(tokenizer, rows)

    def combined(self, outputs: "Tensor", present: "Tensor", mask: "Tensor") -> "Tensor":
        logits = outputs.new_full(present.shape, NO_LOGIT)
        logits[present] = outputs[:, 0]
        return logits

    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        import torch.nn.functional as F

        return F.cross_entropy(logits, labels.view(-1).long(), reduction=reduction)

    def gather(self, logits: Array, labels: Array | None, rows: Rows) -> tuple[Array, Array | None]:
        counts = np.asarray(rows["candidates"][:])
        there = np.arange(logits.shape[1]) < counts[:, None]  # batches of another width were filled up by their joiner
        return np.where(there, logits, np.float32(NO_LOGIT)), labels

    def predictions(self, logits: Array) -> Array:
        return logits.argmax(-1)

    def kept(self, logits: Array, labels: Array, kept_as: DTypeLike) -> dict[str, Array | list[Array]]:
        return {**super().kept(logits, labels, kept_as), "logits": [row[row != NO_LOGIT] for row in logits]}

    def present(self, logits: "Tensor") -> "Tensor":
        return logits[logits != NO_LOGIT]

    def answers(self, logits: "Tensor", names: Sequence[str], texts: Sequence[str] = ()) -> list[Prediction]:
        found = []
        for row, scores in enumerate(logits):
            chances = self.present(scores).softmax(-1).tolist()
            best = max(range(len(chances)), key=chances.__getitem__)
            label = candidates_of(texts[row])[best] if row < len(texts) else best
            found.append(Prediction(label, {}, {"candidate": best, "chances": chances}))
        return found

    def written(self, logits: "Tensor", label_encoding: Sequence[str], low: float, high: float) -> list[str]:
        return [str(number) for number in logits.argmax(-1).tolist()]

    def flips(self, before: Array, after: Array) -> int:
        return int((self.predictions(before) != self.predictions(after)).sum())

    def reads(self, names: Sequence[str] | None) -> frozenset[Reads]:
        return frozenset({Reads.CLASSES})

    def read(self, what: Reads, logits: Array) -> Array:
        return self.predictions(logits)

    def labelled(self, labels: Array) -> Array:
        return labels.astype(np.int64)
