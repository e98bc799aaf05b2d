"""Many jobs as as many processes side by side on one device: what packing them competes with."""

import math
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import Barrier, BrokenBarrierError
from typing import Any

import torch

from src.bench.steps import Settings
from src.bench.timed_models import Arm, classifier
from src.bench.timing import synchronize

WARMUP = 3
_barrier: Barrier  # of a worker's process


def seconds_per_round(node: dict[str, Any], backbone: dict[str, Any], settings: Settings, count: int) -> float:
    """Seconds for one step of each of ``count`` jobs, a process each, all of them at it at once.

    Every process has its model ready and its first steps behind it when the clock starts, and the slowest stops it.
    Infinite where the memory, the device's or the machine's, does not hold so many processes.
    """
    spawn = multiprocessing.get_context("spawn")  # CUDA allows no other
    threads = max(1, torch.get_num_threads() // count)
    with ProcessPoolExecutor(count, spawn, initializer=_enter, initargs=(spawn.Barrier(count), threads)) as pool:
        jobs = [pool.submit(_train, node, backbone, settings, seed) for seed in range(count)]
        errors = [error for job in jobs if (error := job.exception()) is not None]
    if any(isinstance(error, torch.OutOfMemoryError | BrokenProcessPool) for error in errors):
        return math.inf
    for error in errors:
        if not isinstance(error, BrokenBarrierError):  # which only says that another process failed
            raise error
    return max(job.result() for job in jobs) / settings.rounds


def _enter(barrier: Barrier, threads: int) -> None:
    global _barrier
    _barrier = barrier
    torch.set_num_threads(threads)


def _train(node: dict[str, Any], backbone: dict[str, Any], settings: Settings, seed: int) -> float:
    try:
        inputs = settings.shape.inputs(settings.device)
        arm = Arm(classifier(node, backbone, seed).model.to(settings.device), inputs, settings.dtype)
        for _ in range(WARMUP):
            arm.step()
        synchronize()
        _barrier.wait()
        started = time.perf_counter()
        for _ in range(settings.rounds):
            arm.step()
        synchronize()
        return time.perf_counter() - started
    except BaseException:
        _barrier.abort()
        raise
