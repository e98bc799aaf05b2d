"""A run's record as it was read: every field of ``result.json`` by its name, its type and its rule.

These classes are the one place that says what a record holds. What a field may be is told beside it
(``src.runs.schema`` reads a file by these rules), so whoever uses a field needs no other check. A value that is missing
or null is the field's default, and a group of fields is always there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from src.runs.fields import (
    AMOUNT,
    BATCH,
    COUNT,
    MAP,
    OPTIONAL_COUNT,
    OPTIONAL_NAME,
    SCORE,
    TEXTS,
    Amount,
    Amounts,
    Group,
    Name,
    Rate,
    Steps,
    Text,
    Values,
)

SCHEMA_VERSION = 1
STATUSES = ("running", "ok", "failed", "interrupted")
Scores = Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Failure(Group):
    """What ended a run badly."""

    type: Text = None
    message: Text = None
    traceback: Text = None

    @property
    def line(self) -> str:
        """The first line of the message; empty if there is none."""
        return (self.message or "").partition("\n")[0]


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Group):
    """The config's node ``model``."""

    name: Annotated[str | None, OPTIONAL_NAME] = None
    adapter: Values = field(default_factory=dict)
    learning_rate: Rate = None


@dataclass(frozen=True, kw_only=True)
class Named(Group):
    """A node of the config of which the name alone is used."""

    name: Annotated[str | None, OPTIONAL_NAME] = None


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Group):
    """The config's node ``training``."""

    learning_rate: Rate = None
    max_steps: Steps = None
    num_train_epochs: Amount = None


@dataclass(frozen=True, kw_only=True)
class Config(Group):
    """What of the composed config determines the run's result."""

    model: ModelConfig = field(default_factory=ModelConfig)
    backbone: Named = field(default_factory=Named)
    data: Named = field(default_factory=Named)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass(frozen=True, kw_only=True)
class InitFrom(Group):
    """The run that this one started from."""

    run: Text = None


@dataclass(frozen=True, kw_only=True)
class Git(Group):
    """The state of the code."""

    commit: Text = None
    dirty: object = None


@dataclass(frozen=True, kw_only=True)
class Counts(Group):
    """How many parameters: those trained outside the head, of routers, of the head; all trained ones, and all."""

    EVERY = COUNT

    adapter: int = 0
    router: int = 0
    head: int = 0
    trainable: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class Training(Group):
    """How it was trained: the config's node ``training``, its ``precision`` resolved."""

    learning_rate: Rate = None
    max_steps: Steps = None
    num_train_epochs: Amount = None
    per_device_train_batch_size: Annotated[int | None, BATCH] = None
    gradient_accumulation_steps: Annotated[int | None, BATCH] = None
    precision: Annotated[str | None, "fp32 | bf16 | fp16 | null"] = None


@dataclass(frozen=True, kw_only=True)
class Packed(Group):
    """In what company it was trained."""

    mode: Text = None


@dataclass(frozen=True, kw_only=True)
class Memory(Group):
    """The largest memory in use, in MB."""

    EVERY = AMOUNT

    peak_device_mb: float | None = None
    peak_rss_mb: float | None = None


@dataclass(frozen=True, kw_only=True)
class Time(Group):
    """Seconds, and rates."""

    EVERY = AMOUNT

    train_s: float | None = None
    total_s: float | None = None
    train_samples_per_s: float | None = None
    eval_s: float | None = None
    step_ms_median: float | None = None


@dataclass(frozen=True, kw_only=True)
class PrimaryMetric(Group):
    """The score at the selected epoch."""

    name: Name = ""
    split: Annotated[str | None, OPTIONAL_NAME] = None
    value: Annotated[float | None, SCORE] = None


@dataclass(frozen=True, kw_only=True)
class Seal(Group):
    """Hashes of what the finished run has left, see ``src.runs.seal``."""

    record: Text = None
    files: Annotated[Mapping[str, str], "map[str] | null"] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunRecord(Group):
    """A run's record. One that cannot be read, or says nothing, has the defaults throughout."""

    schema_version: Annotated[int | None, "int >= 1"] = None
    status: Annotated[str | None, " | ".join(STATUSES)] = None
    error: Failure = field(default_factory=Failure)
    method: Name = ""
    backbone: Name = ""
    data: Annotated[str | None, OPTIONAL_NAME] = None
    seed: Annotated[int, "int >= 0"] = 0
    selection: Text = None
    started: Text = None
    config_hash: Text = None
    identity: Annotated[Mapping[str, str], "map[str] | null"] = field(default_factory=dict)
    config: Config = field(default_factory=Config)
    budget: Values = field(default_factory=dict)
    init_from: InitFrom = field(default_factory=InitFrom)
    imported_from: Text = None
    import_max_difference: object = None
    versions: Values = field(default_factory=dict)
    git: Git = field(default_factory=Git)
    hardware: Values = field(default_factory=dict)
    params: Counts = field(default_factory=Counts)
    adapted_modules: Annotated[Sequence[str], TEXTS] = ()
    adapter_config: Values = field(default_factory=dict)
    adapter_bytes: Annotated[int | None, OPTIONAL_COUNT] = None
    reload_max_difference: object = None
    identity_at_start: object = None
    head_start: object = None
    shortcuts: object = None
    training: Training = field(default_factory=Training)
    max_length: Annotated[int | None, "1 <= int <= 1e15 | null"] = None
    long: Annotated[str, "cut | window"] = "cut"
    windows: Annotated[Mapping[str, int], MAP, COUNT] = field(default_factory=dict)
    processes: Annotated[int | None, BATCH] = None
    text: Annotated[Sequence[str], TEXTS] = ()
    tasks: Annotated[Sequence[str], TEXTS] = ()
    rows: Annotated[Mapping[str, int], MAP, COUNT] = field(default_factory=dict)
    labels: Annotated[Mapping[str, Mapping[str, int]], MAP, MAP, COUNT] = field(default_factory=dict)
    cut: Annotated[Mapping[str, Mapping[str, float]], MAP, MAP, "0 <= float <= 1"] = field(default_factory=dict)
    data_fingerprint: Text = None
    backbone_fingerprint: Text = None
    batches_fingerprint: Text = None
    continued_from_step: object = None
    packed: Packed = field(default_factory=Packed)
    memory: Memory = field(default_factory=Memory)
    time: Time = field(default_factory=Time)
    metrics: Annotated[Mapping[str, Scores | None], MAP, MAP, SCORE] = field(default_factory=dict)
    epochs: Amounts = field(default_factory=dict)
    primary_metric: PrimaryMetric = field(default_factory=PrimaryMetric)
    flags: Annotated[Sequence[str], TEXTS] = ()
    seal: Seal = field(default_factory=Seal)

    @property
    def score(self) -> float | None:
        """The value of the primary metric; None if it has none."""
        value = self.primary_metric.value
        return None if value is None else float(value)

    def scores(self, when: str = "selected") -> Scores:
        """The metrics at the ``selected``, ``best`` or ``last`` epoch, or on the ``holdout`` rows at the selected."""
        return self.metrics.get(when) or {}

    @property
    def alone(self) -> bool:
        """Whether no other job was trained in the same process at the same time."""
        return self.packed.mode != "packed"
