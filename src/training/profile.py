"""``training.profile=true``: where a training step's time goes, as a trace and on one page."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, schedule
from transformers import TrainerCallback

from src.runs.layout import PROFILE
from src.utils.files import write_whole
from src.utils.places import make_folder, writing

TRACE, PAGE = "trace.json.gz", "summary.txt"
WAIT, WARMUP, ACTIVE = 3, 2, 10  # steps; the first ones allocate memory and choose kernels
FORWARD, STEP = "forward", "forward and backward"  # marks that the trainer sets
TOP = 20  # operators on the page


class ProfileCallback(TrainerCallback):
    """Profiles ten steps after the first five and writes ``profile/`` into the run's folder.

    ``trace.json.gz`` opens in ui.perfetto.dev or chrome://tracing.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / PROFILE
        self.profiler: Any = None
        self.steps = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()
        wait, warmup = (WAIT, WARMUP) if state.max_steps > WAIT + WARMUP else (0, 0)
        self.profiler = profile(
            activities=activities, schedule=schedule(wait=wait, warmup=warmup, active=ACTIVE, repeat=1)
        )
        self.profiler.start()
        self.first = wait + warmup

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.profiler is None:
            return
        self.steps += 1
        if self.steps == self.first + ACTIVE or state.global_step == state.max_steps:
            self._write()
        else:
            self.profiler.step()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.profiler is not None:
            self._write()

    def _write(self) -> None:
        self.profiler.stop()
        make_folder(self.folder)
        with writing(self.folder / TRACE):
            self.profiler.export_chrome_trace(str(self.folder / TRACE))
        averages = self.profiler.key_averages()
        page = summary(averages, self.steps - self.first, torch.cuda.is_available())
        write_whole(self.folder / PAGE, page)
        self.profiler = None


def summary(averages: Sequence[Any], steps: int, cuda: bool) -> str:
    """One page: the phases of a step, and the operators that take most of it.

    Args:
        averages: the profiler's ``key_averages()``.
        steps: profiled steps.
        cuda: sort the operators by their own time on the GPU rather than on the CPU.
    """

    def total(pattern: str) -> float:
        """Milliseconds a step of the events with such a name."""
        return sum(event.cpu_time_total for event in averages if fnmatchcase(event.key, pattern)) / 1000 / steps

    whole = total("ProfilerStep*")
    phases = {
        "reading and padding the batch": total("enumerate(DataLoader)*"),
        "forward": total(FORWARD),
        "backward": total(STEP) - total(FORWARD),
        "optimizer": total("Optimizer.step*"),
    }
    phases["the rest (clipping, logging, callbacks)"] = max(0.0, whole - sum(phases.values()))
    lines = [f"{steps} training steps, {whole:.2f} ms each under the profiler, which slows them down", ""]
    lines += [f"{name:<42} {ms:>9.2f} ms  {ms / whole:>6.1%}" for name, ms in phases.items()]
    kind = "self_device_time_total" if cuda else "self_cpu_time_total"
    marks = (FORWARD, STEP, "ProfilerStep", "Optimizer.step", "enumerate(DataLoader)")
    operators = [event for event in averages if not event.key.startswith(marks)]
    own = sum(getattr(event, kind) for event in operators)
    where = "the GPU" if cuda else "the CPU"
    lines += ["", f"{'operator':<42} {'own ms a step on ' + where:>24}  {'share':>6} {'calls a step':>13}"]
    for event in sorted(operators, key=lambda event: -getattr(event, kind))[:TOP]:
        ms = getattr(event, kind) / 1000 / steps
        lines.append(f"{event.key[:42]:<42} {ms:>24.2f}  {1000 * ms * steps / own:>6.1%} {event.count / steps:>13.1f}")
    return "\n".join(lines) + "\n"
