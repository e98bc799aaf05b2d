"""After a multirun: its comparison."""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


def after_sweep(folder: Path) -> None:
    """Print the comparison of the sweep's runs."""
    from src.compare.comparison import compare_runs
    from src.compare.records import find_runs
    from src.compare.table import print_comparison

    print_comparison(compare_runs(find_runs([folder])), where=folder)


class PrintTable(Callback):
    """Print the table of the sweep's folder when the last job has ended."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        after_sweep(Path(config.hydra.sweep.dir))
