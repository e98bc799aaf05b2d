"""Runs commands whose k-th change of a file below a folder fails, each in a process of its own.

``python -m tests.faults.harness`` imports the libraries once; then each line on its standard input is a ``Trial`` as
JSON, run in a fork, and each line on its standard output a ``Result``. Needs ``refuse.c`` in LD_PRELOAD.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.utils.paths import ROOT

LIMIT = 120  # seconds for one command
SOURCE = Path(__file__).with_name("refuse.c")


@dataclass(frozen=True)
class Trial:
    """A command, and which change of a file fails: of number ``at`` (0: none), below one of the folders.

    ``program`` is ``main`` for ``main.py`` or ``src`` for ``python -m src``; ``sticky`` lets all later ones fail.
    """

    program: str
    arguments: list[str]
    folders: list[str]
    at: int = 0
    errno: int = 5
    sticky: bool = False


@dataclass(frozen=True)
class Result:
    """Exit status, what was printed, and the changes below the folders, in order."""

    status: int
    output: str
    calls: list[str]


class Faults:
    """A running harness; a context manager.

    Args:
        folder: for the library that is compiled from ``refuse.c``.
        environment: variables for the commands.
    """

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        library = folder / "refuse.so"
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.harness"],
            cwd=ROOT,
            env=os.environ | (environment or {}) | {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Faults":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(LIMIT)

    def run(self, trial: Trial) -> Result:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(trial)) + "\n")
        self.process.stdin.flush()
        return Result(**json.loads(self.process.stdout.readline()))


def main() -> None:
    import src.commands.compare
    import src.compare.report
    import src.training.fit
    import src.tune.tune  # noqa: F401  what every command would import anew

    library, answers = ctypes.CDLL(os.environ["LD_PRELOAD"]), os.dup(1)
    library.fault_calls.restype = ctypes.c_long
    os.dup2(2, 1)
    with os.fdopen(answers, "w") as out:
        for line in sys.stdin:
            out.write(json.dumps(_in_fork(Trial(**json.loads(line)), library)) + "\n")
            out.flush()


def _in_fork(trial: Trial, library: Any) -> dict[str, Any]:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as trace:
        child = os.fork()
        if not child:
            signal.alarm(LIMIT)
            os._exit(_child(trial, library, output.fileno(), trace.fileno()))
        _, status = os.waitpid(child, 0)
        output.seek(0)
        trace.seek(0)
        code, said = os.waitstatus_to_exitcode(status), output.read().decode(errors="replace")
        return asdict(Result(code, said, trace.read().decode(errors="replace").splitlines()))


def _child(trial: Trial, library: Any, output: int, trace: int) -> int:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    fault = {"FOLDER": ":".join(trial.folders), "AT": trial.at, "ERRNO": trial.errno, "STICKY": int(trial.sticky)}
    os.environ |= {f"FAULT_{key}": str(value) for key, value in fault.items()} | {"FAULT_TRACE": str(trace)}
    library.fault_configure()
    try:
        with _streams():
            _call(trial)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        return 1
    return 0


def _call(trial: Trial) -> None:
    sys.argv = ["main.py" if trial.program == "main" else "src", *trial.arguments]
    if trial.program == "main":
        import main as program
        from src.cli import run_app

        run_app(program.main)
    else:
        from src.__main__ import main as command

        sys.exit(command())


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Standard output and error of this process anew: those of before may hold text of the parent."""
    with open(1, "w", closefd=False) as out, open(2, "w", closefd=False) as error:
        sys.stdout, sys.stderr = out, error
        yield


if __name__ == "__main__":
    main()
