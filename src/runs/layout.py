"""What lies where in a run's folder, and in that of a sweep."""

from dataclasses import dataclass
from pathlib import Path

RESULT, HISTORY, PREDICTIONS, SUMMARY = "result.json", "history.jsonl", "predictions.parquet", "model_summary.txt"
ADAPTER, CHECKPOINT, PROFILE = "adapter", "checkpoint.pt", "profile"
DESCRIPTION, TENSORS = "adapter.json", "adapter.safetensors"  # in the adapter's own folder
HYDRA = ".hydra"  # what Hydra writes down: the config
LOCK = ".lock."  # begins a lock's name
LOGS, LOCKS = "*.log", f"{LOCK}*"
CONTENT = (RESULT, HISTORY, PREDICTIONS, SUMMARY, ADAPTER, CHECKPOINT, PROFILE)
SWEEP = "multirun.yaml"  # what a sweep writes first into its folder


@dataclass(frozen=True)
class RunFolder:
    """A run's folder, which need not exist, and the places of its files."""

    path: Path

    @property
    def result(self) -> Path:
        """The run's record."""
        return self.path / RESULT

    @property
    def history(self) -> Path:
        """What was logged and measured during training, a line of JSON each."""
        return self.path / HISTORY

    @property
    def predictions(self) -> Path:
        """Label, prediction and logits of every evaluated example."""
        return self.path / PREDICTIONS

    @property
    def adapter(self) -> Path:
        """The folder of the trained values."""
        return self.path / ADAPTER

    @property
    def checkpoint(self) -> Path:
        """From where a training that was cut short goes on."""
        return self.path / CHECKPOINT
