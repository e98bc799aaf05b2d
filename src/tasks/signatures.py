"""The types of what passes between a kind of task and the rest: columns of tables, encoded rows, batches."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array: TypeAlias = NDArray[Any]
Place: TypeAlias = Callable[[int], str]  # row number -> "train.tsv line 7", for messages

# A source's column before it is checked: a file may hold anything.
Raw: TypeAlias = Sequence[object]
# One row of a column of ours: a text, a class or a number, or a list of one a word, token or class; or several inputs.
Cell: TypeAlias = str | int | float | list[int] | list[float] | list[list[int]]
Collator: TypeAlias = "Callable[[list[Mapping[str, Cell]]], Mapping[str, Tensor]]"


class Rows(Protocol):
    """Rows by the names of their columns: a data set of ``datasets``, or a map of lists."""

    def __getitem__(self, column: str, /) -> Sequence[Cell]: ...


class Entity(TypedDict):
    """Some words of a text that tags mark.

    Attributes:
        type: the tags' ending: ``PER`` of ``B-PER``.
        text: the words as they stand in the text.
        start: its first character.
        end: the one behind its last.
        score: the probability of the least sure of its tags.
    """

    type: str
    text: str
    start: int
    end: int
    score: float
