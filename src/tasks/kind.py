"""What the rest of the program asks of a kind of task. Imports nothing heavy: configs are checked with it.

Whatever differs between kinds is asked for here, so nothing else in ``src`` branches on one: a new kind is one file
beside this one and its entry in the table.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from src.metrics import check_metrics, make_compute
from src.metrics.compute import ComputeFunction
from src.metrics.metric import Reads
from src.tasks.prediction import Prediction
from src.tasks.reads_data import ReadsData
from src.tasks.signatures import Array, Collator, Rows

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedTokenizerBase
    from transformers.models.auto.auto_factory import _BaseAutoModelClass

MARK = "task_kind"  # in a model's config, of kinds that its outputs alone do not tell
NO_LOGIT = float(np.finfo(np.float32).min)  # of what a unit lacks and a larger one has


class TaskKind(ReadsData):
    """One kind of task, for tasks with any classes: it has no state, and there is one object of it.

    The classes (``names``, in the order of their numbers; empty where the kind has none) come with every call.

    Attributes:
        name: in configs and in saved files.
        title: of a task of this kind, in messages.
        unit: what one row of ``predictions.parquet`` stands for. Statistics resample these rows, so they have to be
            independent of each other: a kind that answers every token has one row a sentence.
        has_classes: whether answers are among classes; else they are numbers.
        instead_of_classes: why there are none, as the end of a message.
        picks_one: whether a label is exactly one of the classes, and a column of labels is read as such.
        smooths_labels: whether ``training.label_smoothing_factor`` means something.
        reads_every_token: whether the head reads more of the last layer than the first token, so that no fast path may
            leave the others out.
        several_labels: whether a row of a batch has a list of labels, not one.
        windows_texts: whether ``data.long=window`` means something.
        answers_every_token: whether logits are (n, tokens, outputs), as long as their batch is; else (n, outputs).
        several_inputs: whether a row of a batch is several inputs of the model, (n, inputs, tokens), of which
            ``combined`` makes one answer.
        own_loss: whether the loss is another than that of transformers' model with such a head.
        headless: whether the model's answer is made of its encoder's states alone, those of all tokens.
        counts_from_zero: whether a label is the position of something in its row: what a source calls the numbers
            means nothing.
        text_columns: how few and how many names ``data.text`` may have.
        text_rule: the same in words.
        label_columns: the columns of a batch that hold what is to be answered; a model without them gives no loss.
        note_columns: what ``encode`` says of its rows besides, for ``gather``; no model takes it.
        kept_as: the numpy type of labels and predictions in ``predictions.parquet``.
        peft_type: what the peft library calls it.
        model_title: what transformers' models for it are, in messages.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str] = "example"
    has_classes: ClassVar[bool]
    picks_one: ClassVar[bool]
    smooths_labels: ClassVar[bool]
    reads_every_token: ClassVar[bool]
    several_labels: ClassVar[bool] = False
    windows_texts: ClassVar[bool] = False
    answers_every_token: ClassVar[bool] = False
    several_inputs: ClassVar[bool] = False
    own_loss: ClassVar[bool] = False
    headless: ClassVar[bool] = False
    counts_from_zero: ClassVar[bool] = False
    text_columns: ClassVar[tuple[int, int]] = (1, 2)
    text_rule: ClassVar[str] = "one column, or two for a pair of texts"
    label_columns: ClassVar[tuple[str, ...]] = ("labels",)
    note_columns: ClassVar[tuple[str, ...]] = ()
    kept_as: ClassVar[type[np.generic]]
    peft_type: ClassVar[str]
    model_title: ClassVar[str]

    # The model.

    @abstractmethod
    def model_class(self) -> "type[_BaseAutoModelClass]":
        """The auto class of transformers that puts the kind's head on an encoder."""

    @abstractmethod
    def outputs(self, names: Sequence[str]) -> int:
        """The width of the head's last layer."""

    @abstractmethod
    def configure(self, config: "PretrainedConfig", names: Sequence[str]) -> None:
        """Write the classes, and which loss is the task's, into a model's config."""

    @abstractmethod
    def names_of(self, config: "PretrainedConfig") -> tuple[str, ...] | None:
        """The classes of a checkpoint's head by the checkpoint's config; None if its head is of another kind."""

    @abstractmethod
    def collator(self, tokenizer: "PreTrainedTokenizerBase") -> Collator:
        """From encoded rows to a padded batch."""

    def opened_as(self) -> "type[_BaseAutoModelClass]":
        """The auto class of transformers that opens a merged or an exported model."""
        return self.model_class()

    def combined(self, outputs: "Tensor", present: "Tensor", mask: "Tensor") -> "Tensor":
        """Of a kind with ``several_inputs`` the logits (n, ...) of rows.

        Args:
            outputs: (m, outputs) of the model for all inputs, those of a row one after the other; (m, tokens, width) of
                a ``headless`` kind.
            present: (n, inputs), of which m are true: those that a row has.
            mask: (m, tokens), 1 for a token and 0 for padding.
        """
        raise NotImplementedError(f"{self.title} has one input a row")

    @abstractmethod
    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        """What transformers' model computes, for logits of rows of this task alone: their ``mean``, or their ``sum``.

        Args:
            logits: (n, outputs).
            labels: (n,), of any type of numbers.
            reduction: ``mean`` or ``sum``.
        """

    def summed_loss(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        """The sum over rows of each one's loss, in which a row counts once however many labels it has."""
        return (
            self.loss(logits, labels, "mean") * len(labels) if self.several_labels else self.loss(logits, labels, "sum")
        )

    # Answers.

    def unit_index(self, rows: Rows) -> list[int]:
        """The source row of each unit that encoded rows are of, in the order in which ``gather`` gives them."""
        return np.asarray(rows["idx"][:]).tolist()

    def gather(self, logits: Array, labels: Array | None, rows: Rows) -> tuple[Array, Array | None]:
        """What a model gave for encoded rows, as one entry a unit.

        Args:
            logits: (rows, ...).
            labels: (rows, ...) as the batches had them; None where there are none.
            rows: columns ``idx`` and ``note_columns``, by name.

        Returns:
            Logits (n, ...) and labels (n, ...), which all methods below take.
        """
        return logits, labels

    def same_labels(self, found: Array, rows: Rows) -> bool:
        """Whether the labels that an evaluation saw, one entry a unit, are the encoded rows' in their order."""
        return np.array_equal(found, np.asarray(rows[self.label_columns[0]][:]))

    def tuned(self, held_logits: Array, held_labels: Array, logits: Array, labels: Array) -> dict[str, float]:
        """What is scored besides where something is picked on held-out units: what was picked, and scores with it.

        Args:
            held_logits: (m, ...) of the units held out; ``held_labels`` likewise.
            logits: (n, ...) of the units that are scored; ``labels`` likewise.
        """
        return {}

    def is_constant(self, logits: Array) -> bool:
        """Whether all answers are the same."""
        return bool(np.unique(self.predictions(logits)).size == 1)

    def kept(self, logits: Array, labels: Array, kept_as: DTypeLike) -> Mapping[str, Array | list[Array]]:
        """The columns ``label``, ``prediction`` and ``logits`` of ``predictions.parquet``, a value or a list a unit.

        Args:
            logits: (n, ...).
            labels: (n, ...).
            kept_as: the numpy type of the first two.
        """
        flat = logits.reshape(len(logits), -1)
        return {
            "label": self.labelled(labels).astype(kept_as),
            "prediction": self.predictions(flat).astype(kept_as),
            "logits": list(flat),
        }

    def present(self, logits: "Tensor") -> "Tensor":
        """Of (n, ...) logits those that are outputs of the model, and do not fill up shorter units."""
        return logits

    def compared(self, logits: "Tensor") -> "Tensor":
        """What of (n, ...) logits of one model is held against another's, entry by entry."""
        return logits

    def score_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """Whose ``scores`` every answer has."""
        return tuple(names)

    @abstractmethod
    def predictions(self, logits: Array) -> Array:
        """(n, ...) logits to n predictions, which metrics and statistics hold against the labels."""

    @abstractmethod
    def answers(self, logits: "Tensor", names: Sequence[str], texts: Sequence[str] = ()) -> list[Prediction]:
        """(n, ...) logits to n answers for people.

        Args:
            logits: as ``gather`` gives them.
            names: the classes.
            texts: what was asked about, for kinds whose answers are parts of it.
        """

    def tuned_answers(
        self, logits: "Tensor", names: Sequence[str], texts: Sequence[str], picked: Mapping[str, float | None]
    ) -> list[Prediction]:
        """As ``answers``, with what a run's record says was picked on its held-out units; see ``tuned``."""
        return self.answers(logits, names, texts)

    def picked_said(self, picked: Mapping[str, float | None]) -> str:
        """What ``tuned_answers`` goes by, in a few words; empty where nothing is ever picked."""
        return ""

    @abstractmethod
    def written(self, logits: "Tensor", label_encoding: Sequence[str], low: float, high: float) -> list[str]:
        """(n, ...) logits to what stands in a table of answers.

        Args:
            logits: as the model gives them.
            label_encoding: how the table's reader writes the classes.
            low: a number below it is written as it is.
            high: likewise a number above it.
        """

    @abstractmethod
    def flips(self, before: Array, after: Array) -> int:
        """How many of n answers two models, whose logits hardly differ, give differently; 0 where all differ a bit."""

    # Metrics.

    @abstractmethod
    def reads(self, names: Sequence[str] | None) -> frozenset[Reads]:
        """What there is for a metric to read; ``names`` None: with any classes."""

    @abstractmethod
    def read(self, what: Reads, logits: Array) -> Array:
        """One of these, of (n, ...) logits."""

    @abstractmethod
    def labelled(self, labels: Array) -> Array:
        """(n, ...) labels as metrics take them; those of a batch may be floats that stand for classes."""

    def check_metrics(self, metrics: Sequence[str], names: Sequence[str] | None) -> None:
        """Raise a UserError unless each metric is known and fits the kind and its classes; None: any."""
        of = self.name if names is None or not self.has_classes else f"{len(names)} classes"
        check_metrics(metrics, self.reads(names), of)

    def compute(self, metrics: Sequence[str], names: Sequence[str] = ()) -> ComputeFunction:
        """The function of (logits, labels) that gives the metrics by name; see ``make_compute``.

        Args:
            metrics: their names.
            names: the classes, for kinds that say more of each.
        """
        self.check_metrics(metrics, None)
        return make_compute(metrics, self.read, self.labelled)
