"""Peak memory of a phase of the run, not of the process's whole life."""

import contextlib
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def reset_peak() -> None:
    """Forget earlier peaks. Where the system cannot (not Linux), the process's peak so far stays."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")  # resets VmHWM, see proc(5)


def peak() -> dict[str, float | None]:
    """``peak_rss_mb`` and ``peak_device_mb`` (None without a GPU) since ``reset_peak``, in MiB."""
    device = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
    return {"peak_rss_mb": _peak_rss_mb(), "peak_device_mb": device}


def saved_for_backward(model: nn.Module, forward: Callable[[], Any]) -> int:
    """Bytes that a forward keeps for its backward, the model's parameters left out; each storage counts once."""
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found: dict[int, int] = {}
    kept = []  # a storage that is freed would give its address to the next

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            found[storage.data_ptr()] = storage.nbytes()
            kept.append(storage)
        return tensor.detach()  # what is an output itself would hold the graph that holds it, for ever

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward()
    del result
    return sum(found.values())


def _peak_rss_mb() -> float:
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    except (OSError, StopIteration):
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
