"""How a kind of task reads a source's columns, and makes the model's inputs of them: the first part of ``TaskKind``."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from src.tasks.signatures import Array, Cell, Place, Raw
from src.utils.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets.features.features import FeatureType
    from transformers import PreTrainedTokenizerBase


class ReadsData(ABC):
    """The texts, the classes and the column of labels; the attributes are those of ``TaskKind``."""

    title: ClassVar[str]
    instead_of_classes: ClassVar[str] = ""

    def read_text(self, values: Raw, column: str, place: Place) -> Raw:
        """A source's column of texts as one text a row; what is no text is refused by the caller.

        Args:
            values: as the source has them.
            column: its name, for messages.
            place: where a row came from.
        """
        return values

    def columns_read(self, text: Sequence[str]) -> list[str]:
        """The columns of a source that the names in ``data.text`` are of."""
        return list(text)

    def read_texts(self, columns: Mapping[str, Raw], text: Sequence[str], place: Place) -> dict[str, Raw]:
        """A source's columns as one text a row, or two, by the names that messages call them.

        Args:
            columns: the source's, by name; those of ``columns_read`` are there.
            text: the names in ``data.text``.
            place: where a row came from.
        """
        return {name: self.read_text(columns[name], name, place) for name in text}

    def column_of(self, values: Mapping[str, Raw], label: str, names: Raw | None) -> Raw | None:
        """The column of labels of a table, one a row; None if it has none.

        Args:
            values: the table's columns.
            label: the name that the user gives.
            names: the classes that the user names.
        """
        return values.get(label)

    def find_names(self, values: Raw, names: Raw | None, column: str, place: Place) -> tuple[str, ...]:
        """The classes of a column of labels that ``picks_one`` is not true of, where the user names some or none.

        Args:
            values: the labels of the train rows.
            names: the user's; None where they are to be found in the values.
            column: its name, for messages.
            place: where a row came from.
        """
        return tuple(map(str, names or ()))

    def check_names(self, names: Sequence[str]) -> None:
        """Raise a UserError unless a task of this kind can have these classes."""
        if len(names):
            raise UserError(f"data.label_names={list(names)}: {self.title} has none, []{self.instead_of_classes}")

    @abstractmethod
    def read_labels(
        self,
        values: Raw,
        names: Sequence[str],
        label_encoding: Sequence[str | int],
        column: str,
        place: Place,
    ) -> "tuple[FeatureType, pa.Array]":
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

    def check_rows(self, texts: Sequence[str], labels: Sequence[Cell], place: Place) -> None:  # noqa: B027
        """Raise a UserError for a row whose label, as ``read_labels`` gave it, does not fit its (second) text."""

    @abstractmethod
    def names_in(self, feature: "FeatureType") -> tuple[str, ...] | None:
        """The classes that a feature of ``datasets`` describes; None if a column of this kind has another."""

    def strata(self, labels: Sequence[Cell]) -> Array | None:
        """The stratum of each row, of which a held-out part has its share; None where rows are drawn freely."""
        return None

    def inputs(self, rows: Mapping[str, Sequence[Cell]]) -> list[list[tuple[str, ...]]]:
        """The inputs of the model that each row is, one of most kinds: a text, or two.

        Args:
            rows: as of ``encode``.
        """
        texts = [list(map(str, rows[name])) for name in ("text", "text_pair") if name in rows]
        return [[own] for own in zip(*texts, strict=True)]

    @abstractmethod
    def encode(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        """Rows as a model takes them, not padded: its inputs and, where the rows have a label, ``label_columns``.

        A row may become several; a column ``origin`` then says, for each, the number of the row that it is of.

        Args:
            tokenizer: the backbone's.
            rows: columns ``text``, ``text_pair`` (of pairs) and ``label`` (unless it is a test split).
            max_length: tokens a row, special tokens included.
        """

    def encode_windows(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Mapping[str, Sequence[Cell]], max_length: int
    ) -> dict[str, list[Cell]]:
        """As ``encode``, but of a text that is longer than ``max_length`` nothing is cut: it becomes several rows.

        Raises:
            UserError: if ``windows_texts`` is false.
        """
        raise UserError(f"data.long=window: the inputs of {self.title} are not read in windows; choices: cut")
