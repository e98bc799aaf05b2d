"""Extractive question answering: the span of a text that answers a question about it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from src.metrics.answers import NOTHING
from src.metrics.metric import Reads
from src.tasks.answer_texts import WordNumbers, filled, read_spans, spans_in, trimmed, written_spans
from src.tasks.class_names import write_names
from src.tasks.kind import MARK, NO_LOGIT
from src.tasks.prediction import Prediction
from src.tasks.question_windows import NONE, best_spans, question_windows
from src.tasks.signatures import Array, Cell, Collator, Place, Raw, Rows
from src.tasks.token_kind import TokenKind, add_row
from src.utils.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets.features.features import FeatureType
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

BEST = 20  # spans of a question that are kept
SHOWN = 5  # of these in an answer
WIDTH = 32  # words of an answer that are kept, and its end


class QuestionAnswering(TokenKind):
    """Two scores a token, as the first and as the last one of the answer: the mean of two cross entropies over tokens.

    A row has the question as ``text``, what it is asked about as ``text_pair``, and as ``label`` the right answers with
    their first characters. A long text is read in windows; one without the answer trains the first token, and of all
    windows' spans the one of the largest sum of scores is the answer. ``gather`` gives a row of floats a question: the
    scores of its best spans, their first characters, those behind their last ones, and the best one's words as numbers.
    """

    name: ClassVar[str] = "question_answering"
    title: ClassVar[str] = "an extractive question answering"
    unit: ClassVar[str] = "question"
    has_classes: ClassVar[bool] = False
    instead_of_classes: ClassVar[str] = ": an answer is part of a text"
    smooths_labels: ClassVar[bool] = False
    own_loss: ClassVar[bool] = True
    may_be_none: ClassVar[bool] = False
    text_columns: ClassVar[tuple[int, int]] = (2, 2)
    text_rule: ClassVar[str] = "two columns, the question's and that of the text it is asked about"
    note_columns: ClassVar[tuple[str, ...]] = ("roles", "starts", "ends", "context", "answers")

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

        return Value("string"), pa.array(map(written_spans, read_spans(values, column, place)), pa.string())

    def check_rows(self, texts: Sequence[str], labels: Sequence[Cell], place: Place) -> None:
        for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
            spans = spans_in(str(label))
            if not spans and not self.may_be_none:
                raise UserError(
                    f"{place(row)}: no answer; data.kind={QuestionAnsweringOrNone.name} takes questions without one"
                )
            for start, own in spans:
                if text[start : start + len(own)] != own:
                    raise UserError(f"{place(row)}: the answer {own[:60]!r} does not stand at character {start}")

    def names_in(self, feature: "FeatureType") -> tuple[str, ...] | None:
        from datasets import Value

        return () if isinstance(feature, Value) and feature.dtype == "string" else None

    def encode(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        if "text_pair" not in rows:
            raise UserError(f"{self.title} reads a question and, as a second text, what it is asked about")
        found: dict[str, list[Cell]] = {}
        contexts = list(map(str, rows["text_pair"]))
        before = -1
        for window in question_windows(tokenizer, list(map(str, rows["text"])), contexts, max_length):
            first, before = window.origin != before, window.origin
            columns: dict[str, Cell] = {**window.inputs, "origin": window.origin}
            columns |= {"roles": window.roles.tolist(), "starts": window.starts.tolist(), "ends": window.ends.tolist()}
            columns["context"] = contexts[window.origin] if first else ""
            columns["answers"] = ""
            if "label" in rows:
                label = str(rows["label"][window.origin])
                columns["answers"] = label if first else ""
                columns["labels"] = window.tokens_of(next(iter(spans_in(label)), None))
            add_row(found, columns)
        return found

    def outputs(self, names: Sequence[str]) -> int:
        return 2

    def configure(self, config: "PretrainedConfig", names: Sequence[str]) -> None:
        config.problem_type = None
        write_names(config, ("start", "end"))
        setattr(config, MARK, self.name)

    def names_of(self, config: "PretrainedConfig") -> tuple[str, ...] | None:
        return () if config.num_labels == 2 and getattr(config, MARK, None) == self.name else None

    def collator(self, tokenizer: "PreTrainedTokenizerBase") -> Collator:
        from src.tasks.list_collator import ListCollator  # needs torch

        return ListCollator(tokenizer)

    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        import torch.nn.functional as F

        ends = labels[:, :2].long()  # beside kinds with more labels a row they are filled up
        return F.cross_entropy(logits.float(), ends, reduction=reduction) / (1 if reduction == "mean" else 2)

    def summed_loss(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        return self.loss(logits, labels, "sum")

    def unit_index(self, rows: Rows) -> list[int]:
        return np.unique(np.asarray(rows["idx"][:])).tolist()

    def gather(self, logits: Array, labels: Array | None, rows: Rows) -> tuple[Array, Array | None]:
        units, unit = np.unique(np.asarray(rows["idx"][:]), return_inverse=True)
        notes = {name: rows[name][:] for name in self.note_columns}
        windows = _rows_by_unit(unit, len(units))
        whole = np.zeros((len(units), 3 * BEST + WIDTH), dtype=np.float32)
        right = []
        for number, own in enumerate(windows):
            context = "".join(str(notes["context"][row]) for row in own)
            label = "".join(str(notes["answers"][row]) for row in own)
            answers = [text for _, text in spans_in(label)] if label else []
            words = WordNumbers(context, answers)
            whole[number] = self._row(logits, notes, own, context, words)
            right.append(words.of_all(answers))
        if labels is None:
            return whole, None
        found = filled(right, WIDTH)
        if not np.array_equal(labels[:, :2].astype(np.int64), np.asarray(rows["labels"][:], dtype=np.int64)):
            found[:] = NOTHING  # the rows lost their order: `same_labels` says so
        return whole, found

    def _row(
        self, logits: Array, notes: Mapping[str, Sequence[Cell]], own: Array, context: str, words: WordNumbers
    ) -> Array:
        """What is kept of one question, by its windows."""
        spans: dict[tuple[int, int], float] = {}
        none = []
        for window in own:
            roles, starts, ends = (np.asarray(notes[name][window]) for name in ("roles", "starts", "ends"))
            scores = logits[window, : len(roles)].astype(np.float32)
            if not np.isfinite(scores).all():
                return np.full(3 * BEST + WIDTH, np.nan, dtype=np.float32)
            none.append(float(scores[roles == NONE].sum()))
            for score, *place in best_spans(scores, roles, starts, ends, BEST):
                start, end = trimmed(context, *place)
                spans[start, end] = max(score, spans.get((start, end), NO_LOGIT))
        if self.may_be_none or not spans:
            spans[0, 0] = min(none)  # some window has the answer, or none has
        best = sorted(spans.items(), key=lambda item: -item[1])[:BEST]
        row = np.zeros(3 * BEST + WIDTH, dtype=np.float32)
        row[:BEST] = NO_LOGIT
        for rank, ((start, end), score) in enumerate(best):
            row[[rank, BEST + rank, 2 * BEST + rank]] = score, start, end
        start, end = best[0][0]
        row[3 * BEST :] = filled([words.of(context[start:end], WIDTH - 1)], WIDTH)[0]
        return row

    def same_labels(self, found: Array, rows: Rows) -> bool:
        own = np.asarray(rows["labels"][:])
        width = max(len(roles) for roles in map(np.atleast_1d, rows["roles"][:]))
        _, expected = self.gather(np.zeros((len(own), width, 2), dtype=np.float32), own, rows)
        return expected is not None and np.array_equal(found, expected)

    def predictions(self, logits: Array) -> Array:
        return logits[:, 3 * BEST :].astype(np.int64)

    def is_constant(self, logits: Array) -> bool:
        found = self.predictions(logits)
        return bool((found == found[:1]).all())

    def kept(self, logits: Array, labels: Array, kept_as: DTypeLike) -> Mapping[str, Array | list[Array]]:
        given = filled(self.predictions(logits).tolist(), labels.shape[1])
        sizes = np.maximum((labels != NOTHING).sum(1), WIDTH)  # the same in both columns, whatever is answered
        columns = {"label": labels, "prediction": given}
        found = {name: [row[:size] for row, size in zip(column.astype(kept_as), sizes, strict=True)]
                 for name, column in columns.items()}  # fmt: skip
        return found | {"logits": [row[row != NO_LOGIT] for row in logits[:, :BEST]]}

    def present(self, logits: "Tensor") -> "Tensor":
        scores = self.compared(logits)
        return scores[scores != NO_LOGIT]

    def compared(self, logits: "Tensor") -> "Tensor":
        return logits[:, :BEST]

    def score_names(self, names: Sequence[str]) -> tuple[str, ...]:
        return ()

    def answers(self, logits: "Tensor", names: Sequence[str], texts: Sequence[str] = ()) -> list[Prediction]:
        found = []
        for row, own in enumerate(logits.float()):
            chances = self.present(own[None]).softmax(-1).tolist()
            ends = own[BEST : 3 * BEST].reshape(2, BEST).T.long().tolist()
            best = [
                {"text": texts[row][start:end] if row < len(texts) else f"{start}-{end}",
                 "start": start, "end": end, "score": chance}
                for (start, end), chance in zip(ends, chances, strict=False)
            ]  # fmt: skip
            first = best[0]
            more = {name: first[name] for name in ("start", "end", "score")} | {"best": best[:SHOWN]}
            found.append(Prediction(str(first["text"]), {}, more))
        return found

    def written(self, logits: "Tensor", label_encoding: Sequence[str], low: float, high: float) -> list[str]:
        return [str(answer.label) for answer in self.answers(logits, label_encoding)]

    def flips(self, before: Array, after: Array) -> int:
        return int((self.predictions(before) != self.predictions(after)).any(1).sum())

    def reads(self, names: Sequence[str] | None) -> frozenset[Reads]:
        return frozenset({Reads.ANSWERS})

    def read(self, what: Reads, logits: Array) -> Array:
        return self.predictions(logits)

    def labelled(self, labels: Array) -> Array:
        return labels.astype(np.int64)


class QuestionAnsweringOrNone(QuestionAnswering):
    """As ``QuestionAnswering``, of questions some of which have no answer in their text, as SQuAD 2.0 has them.

    That there is none scores as much as the first token does as a start and an end, in the window where that is least.
    """

    name: ClassVar[str] = "question_answering_or_none"
    title: ClassVar[str] = "an extractive question answering with unanswerable questions"
    may_be_none: ClassVar[bool] = True


def _rows_by_unit(unit: Array, count: int) -> list[Array]:
    """The encoded rows of each unit, in their order."""
    order = np.argsort(unit, kind="stable")
    return np.split(order, np.cumsum(np.bincount(unit, minlength=count))[:-1])
