"""The low-rank factors of a trained run, and of the same run before training."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from src.compare.settings import settings_of
from src.config.method_names import hyperparameters
from src.models.adapter import AdapterLinear, LowRankAdapter
from src.models.classifier import Classifier, load_classifier, untrained_classifier
from src.models.inject import adapters
from src.models.warm_start import warm_start
from src.runs.layout import RunFolder
from src.runs.reading import Run
from src.utils.errors import UserError


@dataclass(frozen=True)
class Factors:
    """One adapted layer, in float64.

    Attributes:
        down: A, ``(h, in)``; of LSR the Kronecker sum. None where the method is not of the low-rank shape.
        heads: one B per expert, each ``(out, h)``; of all other methods a single one.
        scaling: alpha / r.
        updates: dW, ``(out, in)``, one per expert, scaling included.
        weight_norm: Frobenius norm of the frozen weight, to which an update is compared.
    """

    down: Tensor | None
    heads: tuple[Tensor, ...]
    scaling: float
    updates: tuple[Tensor, ...]
    weight_norm: float

    @property
    def up(self) -> Tensor:
        """All heads side by side, ``(out, N h)``."""
        return torch.cat(self.heads, dim=1)


@dataclass(frozen=True)
class RunFactors:
    """A run's factors by the layer's name, trained and as initialised.

    Attributes:
        label: a short name that tells the run from the others given.
        run: its folder and record.
        init_unknown: why ``init`` is empty, or None.
    """

    label: str
    run: Run
    trained: dict[str, Factors]
    init: dict[str, Factors]
    init_unknown: str | None

    @property
    def task(self) -> str:
        return task_name(self.run)

    @property
    def seed(self) -> int:
        return self.run.seed

    @property
    def kind(self) -> str:
        """Method, adapter and backbone: runs of one kind differ in nothing but task, seed and training."""
        record = self.run.record
        return repr((record.method, hyperparameters(record.adapter_config), record.backbone_fingerprint))


def task_name(run: Run) -> str:
    """The run's task; of a mix, all of its tasks."""
    return "+".join(run.record.tasks or [str(run.record.data)])


def load_factors(label: str, run: Run) -> RunFactors:
    """Read a run's adapters, and build them again from the recorded seed to see where they started.

    Raises:
        UserError: if the folder holds no adapter or the backbone's weights have changed.
    """
    folder = RunFolder(run.folder).adapter
    trained = factors_of(load_classifier(folder))
    init, unknown = {}, None
    if trained:
        classifier = untrained_classifier(folder)
        try:
            warm_start(classifier, run.record.init_from.run)
            init = factors_of(classifier)
        except (UserError, OSError) as error:
            unknown = f"it had a warm start from another run, which cannot be read: {error}"
    return RunFactors(label, run, trained, init, unknown)


@torch.no_grad()
def factors_of(classifier: Classifier) -> dict[str, Factors]:
    """Every adapter's factors by its name in the model; empty for methods without adapters."""
    return {name: _factors(adapter) for name, adapter in adapters(classifier.model)}


def _factors(adapter: AdapterLinear) -> Factors:
    norm = float(adapter.weight.double().norm())
    if not isinstance(adapter, LowRankAdapter):
        return Factors(None, (), 1.0, (adapter.delta_weight().double().clone(),), norm)
    # Own copies: the trained and the untrained model must not share memory.
    down, up = adapter.down().double().clone(), adapter.up().double().clone()
    heads = up.split(len(down), dim=1)  # of a gated method, up is wider than down: a head for each expert
    return Factors(down, heads, adapter.scaling, tuple(adapter.scaling * (head @ down) for head in heads), norm)


def paired(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """The layers that two runs have in common, in the first one's order."""
    return [name for name in first if name in second]


def run_labels(runs: Sequence[Run]) -> list[str]:
    """Method, task and seed of each run; where two agree in all three, also what else of their configs differs."""
    names = [f"{run.method} {task_name(run)} seed {run.seed}" for run in runs]
    settings = [settings_of(run) for run in runs]
    labels = []
    for name, setting in zip(names, settings, strict=True):
        twins = [other for other, theirs in zip(settings, names, strict=True) if theirs == name]
        keys = [key for key in setting if any(key in other and other[key] != setting[key] for other in twins)]
        varied = {key.rpartition(".")[2]: setting[key] for key in keys}  # a method's key occurs twice in a config
        labels.append(" ".join([name, *(f"{key}={value}" for key, value in varied.items())]))
    numbers = Counter[str]()
    for i, label in enumerate(labels):
        numbers[label] += 1
        if numbers[label] > 1:
            labels[i] = f"{label} #{numbers[label]}"
    return labels
