"""What the rest of the program asks of a kind of task. Imports nothing heavy: configs are checked with it.

Whatever differs between kinds is asked for here, so nothing else in ``src`` branches on one: a new kind is one file
beside this one and its entry in the table.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from src.metrics import check_metrics, make_compute
from src.metrics.compute import ComputeFunction
from src.metrics.metric import Reads

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

Array = NDArray[Any]
Place = Callable[[int], str]  # row number -> "train.tsv line 7", for messages


@dataclass(frozen=True)
class Prediction:
    """One example's answer: the class with the probabilities of all, or a number alone."""

    label: str | float
    scores: dict[str, float]


class TaskKind(ABC):
    """One kind of task, for tasks with any classes: it has no state, and there is one object of it.

    The classes (``names``, in the order of their numbers; empty where the kind has none) come with every call.

    Attributes:
        name: in configs and in saved files.
        title: of a task of this kind, in messages.
        unit: what one row of ``predictions.parquet`` stands for. Statistics resample these rows, so they have to be
            independent of each other: a kind that answers every token has one row a sentence.
        has_classes: whether answers are among classes; else they are numbers.
        picks_one: whether a label is exactly one of the classes, and a column of labels is read as such.
        smooths_labels: whether ``training.label_smoothing_factor`` means something.
        reads_every_token: whether the head reads more of the last layer than the first token, so that no fast path may
            leave the others out.
        label_columns: the columns of a batch that hold what is to be answered; a model without them gives no loss.
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
    label_columns: ClassVar[tuple[str, ...]] = ("labels",)
    kept_as: ClassVar[type[np.generic]]
    peft_type: ClassVar[str]
    model_title: ClassVar[str]

    # The classes and the column of labels.

    @abstractmethod
    def check_names(self, names: Sequence[str]) -> None:
        """Raise a UserError unless a task of this kind can have these classes."""

    @abstractmethod
    def read_labels(
        self,
        values: Sequence[Any],
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> "tuple[Any, pa.Array]":
        """A source's column of labels as one of ours.

        Args:
            values: as the source has them.
            names: the classes.
            label_encoding: how the source writes them, in that order.
            column: its name, for messages.
            place: where a row came from.

        Returns:
            The feature of ``datasets`` that describes the column, and its values.

        Raises:
            UserError: for a value that is no label.
        """

    @abstractmethod
    def names_in(self, feature: Any) -> tuple[str, ...] | None:
        """The classes that a feature of ``datasets`` describes; None if a column of this kind has another."""

    @abstractmethod
    def strata(self, labels: Sequence[Any]) -> Array | None:
        """The stratum of each row, of which a held-out part has its share; None where rows are drawn freely."""

    @abstractmethod
    def encode(self, tokenizer: Any, rows: Mapping[str, Sequence[Any]], max_length: int) -> dict[str, list[Any]]:
        """Rows as a model takes them, not padded: its inputs and, where the rows have a label, ``label_columns``.

        Args:
            tokenizer: the backbone's.
            rows: columns ``text``, ``text_pair`` (of pairs) and ``label`` (unless it is a test split).
            max_length: tokens a row, special tokens included.
        """

    # The model.

    @abstractmethod
    def model_class(self) -> Any:
        """The auto class of transformers that puts the kind's head on an encoder."""

    @abstractmethod
    def outputs(self, names: Sequence[str]) -> int:
        """The width of the head's last layer."""

    @abstractmethod
    def configure(self, config: Any, names: Sequence[str]) -> None:
        """Write the classes, and which loss is the task's, into a model's config."""

    @abstractmethod
    def names_of(self, config: Any) -> tuple[str, ...] | None:
        """The classes of a checkpoint's head by the checkpoint's config; None if its head is of another kind."""

    @abstractmethod
    def collator(self, tokenizer: Any) -> Callable[[list[Mapping[str, Any]]], Mapping[str, Any]]:
        """From encoded rows to a padded batch."""

    @abstractmethod
    def loss(self, logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
        """What transformers' model computes, for logits of rows of this task alone: their ``mean``, or their ``sum``.

        Args:
            logits: (n, outputs).
            labels: (n,), of any type of numbers.
            reduction: ``mean`` or ``sum``.
        """

    # Answers.

    def same_labels(self, found: Any, rows: Any) -> bool:
        """Whether the labels that an evaluation saw are those of the encoded rows, in their order."""
        return np.array_equal(found, np.asarray(rows[self.label_columns[0]][:]))

    @abstractmethod
    def predictions(self, logits: Array) -> Array:
        """(n, ...) logits to n predictions, which metrics and statistics hold against the labels."""

    @abstractmethod
    def answers(self, logits: "Tensor", names: Sequence[str]) -> list[Prediction]:
        """(n, ...) logits to n answers for people."""

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

    def compute(self, metrics: Sequence[str]) -> ComputeFunction:
        """The function of (logits, labels) that gives the metrics by name; see ``make_compute``."""
        self.check_metrics(metrics, None)
        return make_compute(metrics, self.read, self.labelled)
