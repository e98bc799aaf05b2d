"""What a sweep shows while it runs: a line for each running job and one for the whole on a terminal, else plain lines.

All of it is read from the jobs' folders, so it is the same for every launcher, also where jobs run on other machines.
"""

import logging
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from src.runs.layout import RunFolder
from src.runs.run_record import RunRecord
from src.sweep.outline import number, own_words, position
from src.sweep.sweep_job import SweepJob
from src.utils.rich_text import Text
from src.utils.terminal import say

PERIOD = 0.5  # seconds between two looks at the folders
LINES = 16  # status lines at most; a pack may run more jobs than a terminal has lines


@dataclass
class Running:
    """A job that runs: since when, from what share of its training, and how far it is."""

    since: float
    first: float
    share: float
    shown: str


class Progress:
    """How far the jobs of a sweep are.

    Args:
        jobs: all of the sweep.
        todo: those that this process has launched.
    """

    def __init__(self, jobs: Sequence[SweepJob], todo: Sequence[SweepJob]) -> None:
        self.number = {job.name: f"job {i} of {len(jobs)}" for i, job in enumerate(jobs, start=1)}
        common = set.intersection(*(set(job.given) for job in jobs))
        self.label = {job.name: own_words(job.given, common) or job.name for job in jobs}
        self.total, self.before, self.started = len(jobs), len(jobs) - len(todo), time.monotonic()
        self.open = {job.name: job for job in todo}
        self.stamps = {job.name: _stamp(job) for job in todo}
        self.running: dict[str, Running] = {}
        self.work = {job.name: job.outline.work for job in todo}
        self.spent = 0.0  # of the work, by jobs that have ended
        self.failed = 0

    def look(self) -> list[tuple[str, str]]:
        """Look at every open job; returns what happened since the last look: the kind (as ``started``) and a line."""
        events = []
        for name, job in list(self.open.items()):
            if (stamp := _stamp(job)) != self.stamps[name]:
                self.stamps[name] = stamp
                record = job.record()
                match record.status:
                    case "running":
                        if name not in self.running:
                            share, words = position(job.folder, job.outline)
                            self.running[name] = Running(time.monotonic(), share, share, words)
                            events.append(("started", f"{self.number[name]} started: {self.label[name]}"))
                        self._update(name, job)
                    case "ok" | "failed" | "interrupted" as status:
                        events.append((status, self._end(name, status, record)))
            elif name in self.running:
                self._update(name, job)
        return events

    def _update(self, name: str, job: SweepJob) -> None:
        own = self.running[name]
        own.share, own.shown = position(job.folder, job.outline)

    def _end(self, name: str, status: str, record: RunRecord) -> str:
        own = self.running.pop(name, None)
        self.spent += self.work[name] * (1 - (own.first if own else 0))
        del self.open[name]
        self.failed += status == "failed"
        if status == "ok":
            said = f"{record.primary_metric.name} {number(record.score)}"
        else:
            said = f"{status}: {record.error.line}"
        took = f" in {clock(time.monotonic() - own.since)}" if own else ""
        return f"{self.number[name]} ended{took}, {said}: {self.label[name]}"

    def left(self) -> float | None:
        """Seconds until the last job ends, if they go on as they did; None while nothing is known."""
        running = sum(self.work[name] * (own.share - own.first) for name, own in self.running.items())
        rest = sum(self.work[name] * (1 - (own.share if (own := self.running.get(name)) else 0)) for name in self.open)
        done = self.spent + running
        return (time.monotonic() - self.started) * rest / done if done > 0 else None

    def summary(self) -> str:
        """How many are done, and the time."""
        left = self.left()
        ended = self.total - len(self.open) - self.failed
        return (
            f"{ended} of {self.total} done" + (f", {self.failed} failed" if self.failed else "")
            + f"; {clock(time.monotonic() - self.started)} so far"
            + (f", about {clock(left)} left" if left is not None and self.open else "")
        )  # fmt: skip

    def table(self, lines: int) -> Table:
        """A line for each running job, as many as there is room for, and the summary."""
        grid = Table.grid(padding=(0, 2), expand=True)
        for _ in range(3):
            grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        shown = list(self.running.items())[:lines]
        for name, own in shown:
            cells = (self.number[name], own.shown, clock(time.monotonic() - own.since), self.label[name])
            grid.add_row(*(Text(cell) for cell in cells))
        whole = Table.grid(expand=True)
        whole.add_row(grid)
        more = len(self.running) - len(shown)
        whole.add_row(Text((f"{more} more run; " if more > 0 else "") + self.summary(), overflow="ellipsis"))
        return whole


@contextmanager
def shown(jobs: Sequence[SweepJob], todo: Sequence[SweepJob]) -> Iterator[None]:
    """While the block runs the jobs: status lines on a terminal, a line at each start and end where there is none."""
    if not todo:
        yield
        return
    progress, console, end = Progress(jobs, todo), Console(), threading.Event()
    terminal = console.is_terminal and not console.is_dumb_terminal
    show = _on_terminal if terminal else _in_pipe
    with _quiet_launchers(), show(progress, console) as update:

        def follow() -> None:
            while not end.wait(PERIOD):
                update()

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
            update()


@contextmanager
def _on_terminal(progress: Progress, console: Console) -> Iterator[Any]:
    streams = (sys.stdout, sys.stderr)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        # Log lines go above the status lines: Live takes what is printed, but a handler has the stream of before.
        known = (h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler))
        handlers = [h for h in known if h.stream in streams]
        before = [h.setStream(sys.stdout) for h in handlers]

        def update() -> None:
            for kind, line in progress.look():
                if kind == "failed":
                    console.print(Text(line), soft_wrap=True)
            lines = min(LINES, max(1, shutil.get_terminal_size().lines - 3))
            live.update(progress.table(lines), refresh=True)

        try:
            yield update
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                handler.setStream(stream)


@contextmanager
def _in_pipe(progress: Progress, console: Console) -> Iterator[Any]:
    def update() -> None:
        for kind, line in progress.look():
            more = "" if kind == "started" else f" ({progress.summary()})"
            say(f"{line}{more}", flush=True)

    yield update


@contextmanager
def _quiet_launchers() -> Iterator[None]:
    """Hydra's launchers print a line a job, with all its overrides."""
    loggers = [logging.getLogger(name) for name in ("hydra_plugins", "hydra._internal.core_plugins.basic_launcher")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, as in 0:01:40."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _stamp(job: SweepJob) -> int:
    try:
        return RunFolder(job.folder).result.stat().st_mtime_ns
    except OSError:
        return 0
