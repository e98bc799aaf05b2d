"""What an evaluation finds, and what training costs."""

import hashlib
import statistics
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Evaluation:
    """Every split's metrics and outputs after one epoch."""

    epoch: float
    step: int
    metrics: dict[str, dict[str, float]]  # split -> metric -> value, the loss among them
    logits: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


@dataclass
class Meter:
    """What training cost: seconds, tokens and samples, evaluation apart; and which batches it saw.

    Each process counts its own; rates are of all ``processes`` together.
    """

    processes: int = 1
    train_s: float = 0.0
    eval_s: float = 0.0
    tokens: int = 0
    samples: int = 0
    step_s: list[float] = field(default_factory=list)
    batches: str = ""  # hash of all batches so far

    def see(self, batch: bytes) -> None:
        """Chain a batch to the hash; unlike a running sha256, its state can be saved."""
        self.batches = hashlib.sha256(bytes.fromhex(self.batches) + batch).hexdigest()

    def times(self) -> dict[str, float]:
        """For the record: seconds, and rates a second."""
        rate = self.processes / self.train_s if self.train_s else 0.0
        return {
            "train_s": self.train_s,
            "eval_s": self.eval_s,
            "train_samples_per_s": self.samples * rate,
            "train_tokens_per_s": self.tokens * rate,
            "step_ms_median": 1000 * statistics.median(self.step_s) if self.step_s else 0.0,
        }
