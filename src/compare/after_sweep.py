"""A Hydra callback: after a multirun, its table."""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class PrintTable(Callback):
    """Print the table of the sweep's folder when the last job has ended."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from src.compare.records import find_runs
        from src.compare.table import print_table

        folder = Path(config.hydra.sweep.dir)
        print_table(find_runs([folder]), where=folder)
