"""Length-grouped batches: all rows, little padding, no waves."""

import torch

from src.training.sampler import LengthGroupedSampler

LENGTHS = torch.randint(5, 128, (1003,), generator=torch.Generator().manual_seed(0)).tolist()


def batches(seed: int = 0, size: int = 32) -> list[list[int]]:
    order = list(LengthGroupedSampler(LENGTHS, size, torch.Generator().manual_seed(seed)))
    return [order[start : start + size] for start in range(0, len(order), size)]


def padding(found: list[list[int]]) -> float:
    """Share of the cells of all padded batches that hold no token."""
    cells = sum(len(batch) * max(LENGTHS[i] for i in batch) for batch in found)
    return 1 - sum(LENGTHS) / cells


def test_every_row_comes_once_and_only_the_last_batch_is_short():
    found = batches()
    assert sorted(i for batch in found for i in batch) == list(range(1003))
    assert [len(batch) for batch in found] == [32] * 31 + [11]


def test_padding_is_a_fraction_of_a_random_order():
    rows = torch.randperm(1003, generator=torch.Generator().manual_seed(0)).tolist()
    random = [rows[start : start + 32] for start in range(0, 1003, 32)]
    assert padding(batches()) < 0.25 * padding(random)


def test_lengths_come_in_no_waves():
    """Neighbouring batches are as different as any two: no correlation from one batch to the next."""
    means = torch.tensor([[sum(LENGTHS[i] for i in b) / 32 for b in batches(seed)[:-1]] for seed in range(20)])
    centred = means - means.mean(1, keepdim=True)
    correlation = (centred[:, 1:] * centred[:, :-1]).mean() / centred.square().mean()
    assert correlation.abs() < 0.15


def test_the_order_is_the_generators_alone_and_every_pass_is_new():
    assert batches(0) == batches(0) != batches(1)
    sampler = LengthGroupedSampler(LENGTHS, 32, torch.Generator().manual_seed(0))
    assert list(sampler) != list(sampler)
