"""A process that runs jobs of a sweep, one after the other, for the pool: ``python -m src.sweep.worker FD``."""

import os
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from src.sweep.job import Outcome, execute
from src.training.interrupt import Interrupted, interruptible


def main(connection: Connection) -> None:
    """Take tasks from the connection and answer each with its ``Outcome``, until it is closed."""
    setup_globals()
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
    if not isinstance(task, DictConfig):
        return task.run()
    result = run_job(
        hydra_context=HydraContext(config_loader=None, callbacks=Callbacks(task)),  # type: ignore[arg-type]
        task_function=execute,
        config=task,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return result.return_value


def _end_with(parent: int) -> None:
    """End at once when the sweep's own process is gone, however it ended: a job must not go on unseen."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
