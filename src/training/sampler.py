"""Batches of similar lengths, in no order that training could notice."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler


class QuotaSampler(Sampler[int]):
    """Row numbers of which each group has its quota, shuffled together.

    A group gives its rows in a random order, and again in another one when all have been given; a quota smaller than
    the group takes other rows in the next pass, at random.

    Args:
        groups: the group number of every row.
        quotas: rows to draw from each group.
        generator: the only source of randomness; every pass draws on.
    """

    def __init__(self, groups: Sequence[int], quotas: Sequence[int], generator: torch.Generator) -> None:
        numbers = torch.as_tensor(groups)
        self.rows = [(numbers == group).nonzero()[:, 0] for group in range(len(quotas))]
        self.quotas, self.generator = list(quotas), generator

    def __len__(self) -> int:
        return sum(self.quotas)

    def __iter__(self) -> Iterator[int]:
        drawn = []
        for rows, quota in zip(self.rows, self.quotas, strict=True):
            passes = [rows[torch.randperm(len(rows), generator=self.generator)] for _ in range(-(-quota // len(rows)))]
            drawn.append(torch.cat(passes)[:quota])
        together = torch.cat(drawn)
        yield from together[torch.randperm(len(together), generator=self.generator)].tolist()


class StratifiedSampler(Sampler[int]):
    """Row numbers such that every batch holds the classes nearly in their proportion.

    A class of n rows is shuffled; its rows stand evenly over the epoch, one in each nth part of it, and where in its
    part is drawn for the class.

    Args:
        classes: the class of every row.
        generator: the only source of randomness; every pass draws on.
    """

    def __init__(self, classes: Sequence[int], generator: torch.Generator) -> None:
        self.classes, self.generator = torch.as_tensor(classes), generator

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[int]:
        places = torch.empty(len(self), dtype=torch.float64)
        for own in self.classes.unique():
            rows = (self.classes == own).nonzero()[:, 0]
            order = torch.randperm(len(rows), generator=self.generator)
            places[rows[order]] = (
                torch.arange(len(rows)) + torch.rand(1, generator=self.generator, dtype=torch.float64)
            ) / len(rows)
        yield from places.argsort(stable=True).tolist()


def by_class(sampling: str, classes: Sequence[int], generator: torch.Generator) -> Sampler[int]:
    """``training.sampling``: ``stratified``, or ``balanced``, which gives every class equally many rows of an epoch."""
    if sampling == "stratified":
        return StratifiedSampler(classes, generator)
    numbers, places = torch.as_tensor(classes).unique(return_inverse=True)
    quota, rest = divmod(len(places), len(numbers))
    return QuotaSampler(places.tolist(), [quota + (i < rest) for i in range(len(numbers))], generator)


class WindowSampler(Sampler[int]):
    """Row numbers, one of each text's windows: every pass shows each text once, by a window drawn at random.

    The expected gradient is that of all windows with 1/k of its weight for each of a text's k, and a pass is as long as
    it is where texts are cut.

    Args:
        texts: the order of the texts.
        windows: the row numbers of each text.
        generator: the only source of randomness; every pass draws on.
    """

    def __init__(self, texts: Sampler[int], windows: Sequence[Sequence[int]], generator: torch.Generator) -> None:
        self.texts, self.windows, self.generator = texts, windows, generator

    def __len__(self) -> int:
        return len(self.texts)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[int]:
        order = list(self.texts)
        drawn = torch.rand(len(order), generator=self.generator, dtype=torch.float64).tolist()
        for text, share in zip(order, drawn, strict=True):
            yield self.windows[text][int(share * len(self.windows[text]))]


def windows_by_text(index: Sequence[int]) -> list[list[int]]:
    """The row numbers of each text, by the texts' numbers at the rows; texts in the order of their first rows."""
    found: dict[int, list[int]] = {}
    for row, text in enumerate(index):
        found.setdefault(text, []).append(row)
    return list(found.values())


class LengthGroupedSampler(Sampler[int]):
    """Row numbers such that every run of ``group_size`` rows has similar lengths, so that padding wastes little.

    Rows are shuffled and cut into pools of ``pool_size`` groups; a pool is sorted by length and cut into groups; the
    groups of all pools are shuffled. (transformers' sampler of this name leaves the groups of a pool in the order of
    their lengths, so that training sees long and short texts in waves.) What does not fill a group comes last.

    Args:
        lengths: of every row, in tokens.
        group_size: rows that are used together: batch size times accumulation steps times processes.
        generator: the only source of randomness; every pass draws on.
        pool_size: groups in a pool: more waste less padding, fewer mix better.
    """

    def __init__(
        self, lengths: Sequence[int], group_size: int, generator: torch.Generator, pool_size: int = 16
    ) -> None:
        self.lengths = torch.as_tensor(lengths)
        self.group_size, self.pool_size, self.generator = group_size, pool_size, generator

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rows = torch.randperm(len(self), generator=self.generator)
        groups: list[torch.Tensor] = []
        for pool in rows.split(self.group_size * self.pool_size):
            groups += pool[self.lengths[pool].argsort(stable=True)].split(self.group_size)
        whole = [group for group in groups if len(group) == self.group_size]
        for i in torch.randperm(len(whole), generator=self.generator).tolist():
            yield from whole[i].tolist()
        for group in groups:
            if len(group) < self.group_size:
                yield from group.tolist()
