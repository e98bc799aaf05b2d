"""A process that runs jobs of a sweep, one after the other, for the pool: ``python -m src.sweep.worker FD``."""

import logging
import os
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from hydra.core.utils import setup_globals
from omegaconf import DictConfig

from src.sweep.sweep_job import Outcome, execute, run_composed
from src.training.interrupt import Interrupted, interruptible
from src.utils.places import explain, place_error
from src.utils.terminal import say


def main(connection: Connection) -> None:
    """Take tasks from the connection and answer each with its ``Outcome``, until it is closed."""
    setup_globals()
    logging.raiseExceptions = False  # on a full disk every line of the log would be a traceback
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        with interruptible():
            while True:
                connection.send(_run(connection.recv()))
    except EOFError:
        return
    except Interrupted as error:
        connection.send(Outcome("interrupted", str(error)))


def _run(task: Any) -> Outcome:
    """Run a composed config, or what knows itself how it is run."""
    try:
        return run_composed(task, execute) if isinstance(task, DictConfig) else task.run()
    except Exception as error:  # what comes up before the job itself does, as a folder that cannot be made
        if (place := place_error(error)) is None:
            say(traceback.format_exc().rstrip("\n"), file=sys.stderr)
        return Outcome("failed", explain(place) if place else str(error).partition("\n")[0] or type(error).__name__)


def _end_with(parent: int) -> None:
    """End at once when the sweep's own process is gone, however it ended: a job must not go on unseen."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
