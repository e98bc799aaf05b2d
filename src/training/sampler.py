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
