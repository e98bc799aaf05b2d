"""A queue of jobs over worker processes: one after the other, or one for each GPU or share of one.

Each worker runs many jobs, so that imports, backbone and data are loaded once. A job that takes its process down
(out of memory, a crash in native code, kill) costs that job alone: the next one gets a new process.
"""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path

from src.sweep.sweep_job import Outcome
from src.training.interrupt import Interrupted, interruptible
from src.utils.paths import ROOT
from src.utils.places import writing

log = logging.getLogger(__name__)


class Worker:
    """A worker process and the job that it has.

    Args:
        environment: variables that make its slot: which GPU, how many threads.
        log: the file that takes what it prints; None for this process's terminal.
    """

    def __init__(self, environment: dict[str, str], log: Path | None = None) -> None:
        self.environment = environment
        self.job: int | None = None
        self.connection, theirs = Pipe()
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with nullcontext() if log is None else writing(log), nullcontext() if log is None else log.open("a") as output:
            # A session of its own: Ctrl-C in a terminal reaches the sweep alone, which passes it on once.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "src.sweep.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                # Without the working directory on its path, which -m puts before the project's own folder.
                env=os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"} | environment,
                start_new_session=True,
                stdout=output,
                stderr=output,
            )
        theirs.close()

    def start(self, number: int, task: object) -> None:
        self.job = number
        with contextlib.suppress(ConnectionError):  # it is dead: ``outcome`` says how it died
            self.connection.send(task)

    def outcome(self) -> Outcome:
        """What the worker answers; if it died, why."""
        try:
            return self.connection.recv()
        except (EOFError, ConnectionError):
            code = self.process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        hint = "; the system may have run out of memory" if code == -signal.SIGKILL else ""
        return Outcome("failed", f"its process ended with {how}{hint}")

    def close(self) -> None:
        self.connection.close()
        self.process.wait()


class Pool:
    """Worker processes that are kept from one call of ``run`` to the next.

    Args:
        slots: environment of each worker process; as many jobs as slots run at a time.
        log: the file that takes what they print; None for this process's terminal.
    """

    def __init__(self, slots: Sequence[dict[str, str]], log: Path | None = None) -> None:
        self.log = log
        self.size = len(slots)
        self.free = [dict(slot) for slot in slots]
        self.idle: list[Worker] = []

    def run(self, tasks: Sequence[object], fail_fast: bool = False) -> list[Outcome | None]:
        """Run every job in one of the slots, in order.

        Args:
            tasks: composed configs with Hydra's node, or what has a method ``run`` that gives an outcome.
            fail_fast: start no job after a failed one.

        Returns:
            The jobs' outcomes; None for one that was not started.

        Raises:
            Interrupted: after Ctrl-C or SIGTERM, when the running jobs have saved their checkpoints. Another signal
                ends them at once.
        """
        outcomes: list[Outcome | None] = [None] * len(tasks)
        waiting = list(range(len(tasks)))
        busy: dict[Connection, Worker] = {}
        stopped: Interrupted | None = None

        def take(worker: Worker) -> None:
            del busy[worker.connection]
            outcome = worker.outcome()
            if worker.job is not None:
                outcomes[worker.job] = outcome
            if outcome.status == "failed" and fail_fast:
                waiting.clear()
            if worker.process.poll() is None and outcome.status != "interrupted":
                self.idle.append(worker)
            else:
                self._end(worker)

        with interruptible():
            try:
                while waiting or busy:
                    try:
                        while waiting and (self.idle or self.free) and stopped is None:
                            worker = self.idle.pop() if self.idle else Worker(self.free.pop(0), self.log)
                            busy[worker.connection] = worker
                            number = waiting.pop(0)
                            worker.start(number, tasks[number])
                        ready = wait(list(busy))
                        for worker in [worker for connection, worker in busy.items() if connection in ready]:
                            take(worker)
                    except Interrupted as signalled:
                        log.warning("%s: the running jobs save a checkpoint and stop", signalled)
                        waiting.clear()
                        for worker in busy.values():
                            worker.process.send_signal(signalled.signum if stopped is None else signal.SIGKILL)
                        stopped = stopped or signalled
            finally:
                for worker in busy.values():
                    worker.process.kill()
                    self._end(worker)
        if stopped is not None:
            raise stopped
        return outcomes

    def close(self) -> None:
        """End the workers, which have nothing to do; another ``run`` starts new ones."""
        while self.idle:
            self._end(self.idle.pop())

    def _end(self, worker: Worker) -> None:
        worker.close()
        self.free.append(worker.environment)


def gpu_slots(jobs_per_gpu: int, cpu_slots: int | None) -> list[dict[str, str]]:
    """One slot for each share of each GPU that this process may use; without a GPU, slots of CPU threads.

    Args:
        jobs_per_gpu: jobs that share a GPU.
        cpu_slots: jobs at a time where there is no GPU; None for one to a core.
    """
    gpus = _gpus()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = len(gpus) * jobs_per_gpu or cpu_slots or cores
    # Without this, every process would start a thread for each core.
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(max(1, cores // count))}
    if not gpus:
        return [threads] * count
    # The first jobs get a GPU each before any GPU gets a second one.
    return [threads | {"CUDA_VISIBLE_DEVICES": gpu} for _ in range(jobs_per_gpu) for gpu in gpus]


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; torch is not asked: it takes seconds."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu.strip() for gpu in visible.split(",") if gpu.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return [str(i) for i, line in enumerate(line for line in found.stdout.splitlines() if line.startswith("GPU "))]
