"""Cutting a split into parts, and naming its contents. Every choice is fixed: it never depends on a run's seed."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from datasets import Dataset

from src.tasks.signatures import Array, Cell
from src.utils.errors import UserError

SEED = 20130  # of every shuffle here; RandomState, because its stream never changes between versions of numpy


def take(data: Dataset, rows: np.ndarray) -> Dataset:
    """Return the given rows as a table of its own (``Dataset.select`` would slow down every later access)."""
    return Dataset(data.with_format("arrow")[:].take(rows))


def subset(data: Dataset, size: int | None) -> Dataset:
    """Return ``size`` rows drawn at random, or all of them; a smaller subset is part of every larger one."""
    if size is None or size >= len(data):
        return data
    return take(data, np.random.RandomState(SEED).permutation(len(data))[:size])


def split_off(
    data: Dataset, fraction: float, at_most: int | None, strata: Callable[[Sequence[Cell]], Array | None]
) -> tuple[Dataset, Dataset]:
    """Split ``data`` in two, keeping the order of rows: ``(the rest, the part split off)``.

    The part has ``fraction`` of the rows, at least one and not more than ``at_most``. With ``stratify``, each class has
    its proportional share of them: the whole number below it, and the largest remainders share what is left.

    Raises:
        UserError: nothing would be left.
    """
    total = len(data)
    size = max(1, round(fraction * total))
    size = min(size, at_most) if at_most is not None else size
    if size >= total:
        raise UserError(
            f"cannot split {size} rows off from a train split of {total}: nothing would be left to train on"
        )
    order = np.random.RandomState(SEED).permutation(total)
    found = strata(data["label"][:])
    if found is not None:
        found = found[order]
        classes, counts = np.unique(found, return_counts=True)
        shares = counts * size / total
        quotas = shares.astype(int)
        quotas[np.argsort(quotas - shares, kind="stable")[: size - quotas.sum()]] += 1
        chosen = [order[found == name][:quota] for name, quota in zip(classes, quotas, strict=True)]
        part = np.concatenate(chosen)
    else:
        part = order[:size]
    keep = np.ones(total, dtype=bool)
    keep[part] = False
    return take(data, np.flatnonzero(keep)), take(data, np.flatnonzero(~keep))


def fingerprint(data: Dataset, columns: Sequence[str] | None = None) -> str:
    """Return a hex hash of all rows: columns by name, values in order, whatever the storage."""
    digest = hashlib.sha256()
    for name in sorted(columns or data.column_names):
        digest.update(repr((name, data[name][:])).encode())
    return digest.hexdigest()
