"""What one run must not leave behind for the next in the same process."""

import ctypes
import ctypes.util
import functools
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch


@contextmanager
def isolated() -> Iterator[None]:
    """Within the block a run may change the environment and torch's switches; afterwards all is as it was.

    transformers writes settings of a run (mixed precision, torch.compile) into the environment, and full determinism
    or TF32 into torch. Memory that the run has freed goes back to the system, so that the next starts where it did.
    """
    _spare_the_libraries()
    environment = dict(os.environ)
    backends = torch.backends
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    switches = backends.cudnn.deterministic, backends.cudnn.benchmark, backends.cudnn.allow_tf32
    precision, threads, dtype = torch.get_float32_matmul_precision(), torch.get_num_threads(), torch.get_default_dtype()
    try:
        yield
    finally:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        backends.cudnn.deterministic, backends.cudnn.benchmark, backends.cudnn.allow_tf32 = switches
        torch.set_float32_matmul_precision(precision)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        if "torch._dynamo" in sys.modules:
            torch._dynamo.reset()


@functools.cache
def _spare_the_libraries() -> None:
    """Take what exists before the first run, nearly all of it the libraries' own, out of every later collection.

    It lives as long as the process, and to walk over it takes a third of a second, at each end of a training and each
    time that Python collects by itself.
    """
    gc.freeze()


def release_memory() -> None:
    """Collect cycles (models and their hooks are full of them) and give freed memory back to the system.

    The next run then starts with the memory that this one started with.
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError, TypeError):  # glibc only
        ctypes.CDLL(ctypes.util.find_library("c")).malloc_trim(0)
