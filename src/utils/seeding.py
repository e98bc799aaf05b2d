"""Separate streams of random numbers from one seed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, stream: str) -> int:
    """A seed for one purpose (``adapter``, ``head``, ``data``, ``dropout``), the same on every machine.

    Streams are independent: a method that draws more numbers for its adapters moves neither the head's start nor the
    order of the batches.
    """
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


@contextmanager
def seeded(seed: int, stream: str) -> Iterator[None]:
    """Within the block torch's global generators draw from the stream; afterwards they are as before."""
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, stream))
        yield
