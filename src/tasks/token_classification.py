"""Token classification: one class a word; where the classes are tags of entities, the entities that they mark."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from src.metrics.compute import ComputeFunction
from src.metrics.decomposition import f1
from src.metrics.entities import NOTHING, entity_counts
from src.metrics.metric import Reads
from src.tasks.class_names import names_in_list, write_names, written_names
from src.tasks.kind import NO_LOGIT
from src.tasks.prediction import Prediction
from src.tasks.signatures import Array, Cell, Collator, Place, Raw, Rows
from src.tasks.tag_schemes import as_iob2, entity_types, is_marked, marks_entities, tags_of
from src.tasks.tagged_words import entities_in, read_tags, split_words, words_of
from src.tasks.token_kind import TokenKind, add_row
from src.tasks.word_windows import windows_of_all
from src.utils.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets.features.features import FeatureType
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

IGNORED = -100  # the label of a token that is not the first of its word: no loss


class TokenClassification(TokenKind):
    """C >= 2 classes a word, as of parts of speech or entities: cross entropy over C logits of a word's first token.

    A row is a sentence: ``text`` has its words with a space between them, ``label`` the class of each. Tags of entities
    are kept as O, B-TYPE and I-TYPE. A sentence longer than a model's input becomes several windows, and is whole again
    before anything is counted.
    """

    name: ClassVar[str] = "token_classification"
    title: ClassVar[str] = "a token classification"
    unit: ClassVar[str] = "sentence"
    has_classes: ClassVar[bool] = True
    smooths_labels: ClassVar[bool] = True
    note_columns: ClassVar[tuple[str, ...]] = ("window", "answered")

    def read_text(self, values: Raw, column: str, place: Place) -> Raw:
        return split_words(values, column, place)

    def find_names(self, values: Raw, names: Raw | None, column: str, place: Place) -> tuple[str, ...]:
        if names is not None:
            given = tuple(map(str, names))
            return tags_of(entity_types(given)) if is_marked(given) else given
        tags = {str(tag) for row in read_tags(values, column, place) for tag in row}
        return tags_of(sorted(entity_types(tags))) if is_marked(tags) else tuple(sorted(tags))

    def check_names(self, names: Sequence[str]) -> None:
        if len(names) < 2 or len(set(names)) != len(names):
            raise UserError(f"data.label_names={list(names)}: expected two or more different names")
        if is_marked(names) and not marks_entities(names):
            expected = ", ".join(tags_of(entity_types(names)))
            raise UserError(f"data.label_names={list(names)}: tags of entities stand in this order: {expected}")

    def read_labels(
        self,
        values: Raw,
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> "tuple[FeatureType, pa.Array]":
        import pyarrow as pa
        from datasets import ClassLabel, List

        numbers = {name: number for number, name in enumerate(names)}
        entities, rows = marks_entities(names), []
        for row, tags in enumerate(read_tags(values, column, place)):
            given = [names[tag] if isinstance(tag, int) and 0 <= tag < len(names) else tag for tag in tags]
            written = as_iob2(list(map(str, given))) if entities else given
            if unknown := [tag for tag in written if tag not in numbers]:
                raise UserError(
                    f"{place(row)}: tag {unknown[0]!r} is none of {', '.join(map(repr, names))} (column {column!r})"
                )
            rows.append([numbers[str(tag)] for tag in written])
        return List(ClassLabel(names=list(names))), pa.array(rows, pa.list_(pa.int64()))

    def check_rows(self, texts: Sequence[str], labels: Sequence[Cell], place: Place) -> None:
        for row, (text, tags) in enumerate(zip(texts, labels, strict=True)):
            if len(words := text.split(" ")) != np.size(tags):
                raise UserError(f"{place(row)}: {np.size(tags)} tags for {len(words)} words: {text[:60]!r}")

    def names_in(self, feature: "FeatureType") -> tuple[str, ...] | None:
        return names_in_list(feature)

    def encode(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        if "text_pair" in rows:
            raise UserError(f"data.text: {self.title} reads one column of words a row, not a pair")
        found: dict[str, list[Cell]] = {}
        sentences = [words_of(str(text)) for text in rows["text"]]
        for origin, own in enumerate(windows_of_all(tokenizer, sentences, max_length)):
            for number, window in enumerate(own):
                answered = np.zeros(len(window.inputs["input_ids"]), dtype=np.int64)
                answered[window.tokens] = 1
                columns: dict[str, Cell] = {**window.inputs, "origin": origin, "window": number}
                columns["answered"] = answered.tolist()
                if "label" in rows:
                    labels = np.full(len(answered), IGNORED)
                    labels[window.tokens] = np.asarray(rows["label"][origin])[window.words]
                    columns["labels"] = labels.tolist()
                add_row(found, columns)
        return found

    def outputs(self, names: Sequence[str]) -> int:
        return len(names)

    def configure(self, config: "PretrainedConfig", names: Sequence[str]) -> None:
        config.problem_type = None
        write_names(config, names)

    def names_of(self, config: "PretrainedConfig") -> tuple[str, ...] | None:
        if not any(
            str(name).endswith("ForTokenClassification") for name in getattr(config, "architectures", None) or ()
        ):
            return None
        return written_names(config)

    def collator(self, tokenizer: "PreTrainedTokenizerBase") -> Collator:
        from transformers import DataCollatorForTokenClassification

        return DataCollatorForTokenClassification(tokenizer, label_pad_token_id=IGNORED)

    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        import torch.nn.functional as F

        flat = logits.reshape(-1, logits.shape[-1])
        return F.cross_entropy(flat, labels.reshape(-1).long(), ignore_index=IGNORED, reduction=reduction)

    def summed_loss(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        import torch.nn.functional as F

        given = labels.long()
        losses = F.cross_entropy(logits.transpose(1, 2), given, ignore_index=IGNORED, reduction="none")
        return (losses.sum(1) / (given != IGNORED).sum(1).clamp(min=1)).sum()

    def unit_index(self, rows: Rows) -> list[int]:
        return np.unique(np.asarray(rows["idx"][:])).tolist()

    def gather(self, logits: Array, labels: Array | None, rows: Rows) -> tuple[Array, Array | None]:
        index = np.asarray(rows["idx"][:])
        answered = [np.flatnonzero(own) for own in rows["answered"][:]]
        order = np.lexsort((np.asarray(rows["window"][:]), index))
        counts = np.array([len(answered[row]) for row in order])
        units, unit = np.unique(index[order], return_inverse=True)
        unit = np.repeat(unit, counts)  # of each word in its order
        sizes = np.bincount(unit, minlength=len(units))
        word = np.arange(len(unit)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        source = np.repeat(order, counts), np.concatenate([answered[row] for row in order])
        shape = len(units), int(sizes.max(initial=0))
        whole = np.full((*shape, logits.shape[-1]), NO_LOGIT, dtype=np.float32)
        whole[unit, word] = logits[source]
        if labels is None:
            return whole, None
        found = np.full(shape, IGNORED, dtype=labels.dtype)
        found[unit, word] = labels[source]
        return whole, found

    def same_labels(self, found: Array, rows: Rows) -> bool:
        own = rows["labels"][:]
        padded = np.full((len(own), max(map(np.size, own))), IGNORED)
        for row, labels in zip(padded, own, strict=True):
            row[: np.size(labels)] = labels
        _, expected = self.gather(padded[..., None].astype(np.float32), padded, rows)
        return expected is not None and np.array_equal(found, expected) and bool((expected >= 0).any(1).all())

    def predictions(self, logits: Array) -> Array:
        return np.where(logits[..., 0] == NO_LOGIT, NOTHING, logits.argmax(-1))

    def is_constant(self, logits: Array) -> bool:
        found = self.predictions(logits)
        return bool(np.unique(found[found != NOTHING]).size == 1)

    def kept(self, logits: Array, labels: Array, kept_as: DTypeLike) -> Mapping[str, Array | list[Array]]:
        sizes = (labels != IGNORED).sum(1)
        columns = {"label": labels, "prediction": self.predictions(logits)}
        found = {name: [row[:size] for row, size in zip(column.astype(kept_as), sizes, strict=True)]
                 for name, column in columns.items()}  # fmt: skip
        return found | {"logits": [row[:size].reshape(-1) for row, size in zip(logits, sizes, strict=True)]}

    def present(self, logits: "Tensor") -> "Tensor":
        return logits[logits != NO_LOGIT]

    def score_names(self, names: Sequence[str]) -> tuple[str, ...]:
        return ()

    def answers(self, logits: "Tensor", names: Sequence[str], texts: Sequence[str] = ()) -> list[Prediction]:
        found = []
        for row, tags in enumerate(self.predictions(logits.float().numpy())):
            own = tags[tags != NOTHING]
            more = {}
            if marks_entities(names) and row < len(texts):
                more = {"entities": entities_in(texts[row], own, names, logits[row, : len(own)].softmax(-1).numpy())}
            found.append(Prediction(" ".join(names[tag] for tag in own), {}, more))
        return found

    def written(self, logits: "Tensor", label_encoding: Sequence[str], low: float, high: float) -> list[str]:
        return [str(answer.label) for answer in self.answers(logits, label_encoding)]

    def flips(self, before: Array, after: Array) -> int:
        return int((self.predictions(before) != self.predictions(after)).any(1).sum())

    def reads(self, names: Sequence[str] | None) -> frozenset[Reads]:
        entities = names is None or marks_entities(names)
        return frozenset({Reads.WORDS, Reads.ENTITIES} if entities else {Reads.WORDS})

    def read(self, what: Reads, logits: Array) -> Array:
        return self.predictions(logits)

    def labelled(self, labels: Array) -> Array:
        return np.where(labels == IGNORED, NOTHING, labels).astype(np.int64)

    def compute(self, metrics: Sequence[str], names: Sequence[str] = ()) -> ComputeFunction:
        """As of any kind; of entities also each type's F1, as ``f1_TYPE``."""
        common, types = super().compute(metrics), entity_types(names) if marks_entities(names) else []

        def compute(logits: Array, labels: Array) -> dict[str, float]:
            found = common(logits, labels)
            tags, given = self.predictions(np.asarray(logits)), self.labelled(np.asarray(labels))
            for number, name in enumerate(types):
                counts = entity_counts(given, tags, number).sum(0)
                found["f1_" + re.sub(r"\W", "_", name)] = float(f1(*counts))
            return found

        return compute
