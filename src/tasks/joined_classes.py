"""Classes of which each is one or several of a head's: HANS's non-entailment is MNLI's neutral and contradiction."""

from collections.abc import Sequence

import numpy as np

from src.tasks.classification import Classification
from src.tasks.signatures import Array, Rows


class JoinedClasses(Classification):
    """A classification that a head of other classes answers: of the logits of a class's members the largest.

    The largest of these is then the class of which the head's own answer is a member, as HANS's authors count (McCoy et
    al. 2019, section 5).

    Args:
        groups: by class, the numbers of the head's classes; each is in one group.
    """

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        self.groups = tuple(map(tuple, groups))

    def gather(self, logits: Array, labels: Array | None, rows: Rows) -> tuple[Array, Array | None]:
        whole, given = super().gather(logits, labels, rows)
        joined = np.stack([whole[:, list(group)].max(axis=1) for group in self.groups], axis=1)
        return joined, None if given is None else self._joined(given)

    def same_labels(self, found: Array, rows: Rows) -> bool:
        _, own = super().gather(np.zeros((len(rows["labels"][:]), 1)), np.asarray(rows["labels"][:]), rows)
        return own is not None and np.array_equal(found, self._joined(own))

    def _joined(self, labels: Array) -> Array:
        """(n,) the head's classes as these."""
        table = np.empty(sum(map(len, self.groups)), dtype=np.int64)
        for number, group in enumerate(self.groups):
            table[list(group)] = number
        return table[labels.astype(np.int64)]
