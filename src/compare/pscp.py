"""PEFT-Bench's efficiency-aware score (Belanec et al. 2025, arXiv 2511.21285)."""

from collections.abc import Sequence

from src.compare.tables import Row

MEMORY_MB = 8_000.0


def pscp(rows: Sequence[Row]) -> list[float | None]:
    """``score (1 + M_p / C_p)^-1 (1 + M_f / C_f)^-1 (1 + M_m / C_m)^-1`` for every row; None where memory is unknown.

    ``M_p`` is the number of values trained outside the head and ``M_m`` the peak memory of training. The paper's
    constants (5e8 parameters, 94 GB) are made for language models and would leave every encoder method at 1, so here
    ``C_p`` is the size of the model and ``C_m`` 8 GB, a small GPU's memory: a row's score does not change with the rows
    beside it. ``M_f``, what inference costs on top of the frozen model, is 0: a run's record does not hold it, and most
    adapters can be merged.
    """
    return [
        row.mean / (1 + (row.adapter + row.router) / row.total) / (1 + row.peak_mb / MEMORY_MB) if row.peak_mb else None
        for row in rows
    ]
