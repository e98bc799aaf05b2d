"""Which runs may be averaged, which may be compared, and what each configuration is called."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.compare.records import Run
from src.keys import short_name

# Keys of the config that are no hyperparameter: they are held fixed in a group, are a run's name, or decide nothing.
NOT_HYPERPARAMETERS = frozenset(
    {
        "seed", "model.name", "model.rules", "model.auto", "training.num_train_epochs", "training.max_steps",
        "training.per_device_train_batch_size", "training.gradient_accumulation_steps", "training.selection",
        "training.per_device_eval_batch_size", "training.logging_steps", "training.report_to", "training.disable_tqdm",
        "training.dataloader_num_workers", "training.profile", "model.adapter._target_", "model.adapter._partial_",
    }
)  # fmt: skip
GROUPS_OF_CONFIG = ("data", "backbone")  # held fixed as a whole
Settings = Mapping[Path, Mapping[str, Any]]  # hyperparameters by the run's folder


@dataclass(frozen=True)
class Configuration:
    """A method with one setting of its hyperparameters, run once per seed.

    Attributes:
        label: the method, and those hyperparameters that tell it from the method's other configurations in its group.
        long_label: the same with what tells it apart in any group; one configuration's name over all tasks.
        varied: the hyperparameters of the label, by their short names.
        runs: one per seed, in the order of the seeds.
    """

    label: str
    long_label: str
    method: str
    varied: dict[str, Any]
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Group:
    """Configurations that may be compared: what ``fixed`` names is the same in all their runs."""

    fixed: dict[str, Any]
    configurations: tuple[Configuration, ...]

    @property
    def metric(self) -> str:
        return self.fixed["metric"]

    @property
    def runs(self) -> list[Run]:
        return [run for configuration in self.configurations for run in configuration.runs]


def group_runs(runs: Iterable[Run], metric: str | None = None) -> tuple[list[Group], list[tuple[Run, str]]]:
    """Sort runs into groups, and within a group into configurations.

    Args:
        runs: such as can be compared.
        metric: instead of each run's primary metric.

    Returns:
        The groups, and the runs that are left out with the reason: of two runs with one configuration and one seed, the
        older.
    """
    runs = list(runs)
    settings = {run.folder: hyperparameters(run) for run in runs}
    by_fixed: dict[str, list[Run]] = defaultdict(list)
    fixed_of: dict[str, dict[str, Any]] = {}
    for run in runs:
        fixed = held_fixed(run, metric)
        by_fixed[repr(fixed)].append(run)
        fixed_of[repr(fixed)] = fixed
    anywhere = _varied_keys(by_fixed.values(), settings)
    within = {key: _varied_keys([members], settings) for key, members in by_fixed.items()}
    keys = sorted({key for varied in [anywhere, *within.values()] for keys in varied.values() for key in keys})
    names = {key: short_name(key, keys) for key in keys}
    groups, left_out = [], []
    for key in sorted(by_fixed):
        configurations, older = _configurations(by_fixed[key], settings, within[key], anywhere, names)
        groups.append(Group(fixed_of[key], configurations))
        left_out += older
    return groups, left_out


def held_fixed(run: Run, metric: str | None = None) -> dict[str, Any]:
    """What must be the same in two runs whose scores are averaged or compared."""
    record, training = run.record, run.record.get("training") or {}
    primary = record["primary_metric"]
    per_step = training.get("per_device_train_batch_size"), training.get("gradient_accumulation_steps") or 1
    steps = training.get("max_steps") or -1
    return {
        "data": record["data"],
        "backbone": record["backbone"],
        "metric": metric or primary["name"],
        "split": primary.get("split"),
        "selection": record.get("selection"),
        "epochs": f"{steps} steps" if steps > 0 else training.get("num_train_epochs"),
        "batch size": per_step[0] and per_step[0] * per_step[1],
        "max_length": record.get("max_length"),
        "training rows": (record.get("rows") or {}).get("train"),
        "data fingerprint": str(record.get("data_fingerprint"))[:8],
        "backbone fingerprint": str(record.get("backbone_fingerprint"))[:8],
    }


def hyperparameters(run: Run) -> dict[str, Any]:
    """Every value of the run's config that is neither held fixed nor without influence, by its dotted key."""
    record = run.record
    config = record.get("config") or {
        "model": {"adapter": record.get("adapter_config")},
        "training": record.get("training"),
    }
    kept = {group: node for group, node in config.items() if group not in GROUPS_OF_CONFIG}
    return {key: value for key, value in _leaves(kept) if key not in NOT_HYPERPARAMETERS}


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in node.items():
        if f"{prefix}{key}" in NOT_HYPERPARAMETERS:
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", tuple(value) if isinstance(value, list) else value


def _varied_keys(groups: Iterable[list[Run]], settings: Settings) -> dict[str, list[str]]:
    """Per method, the keys that vary between runs of one group; a key that repeats another's values is left out."""
    varied: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for runs in groups:
        for method in {run.method for run in runs}:
            found = [settings[run.folder] for run in runs if run.method == method]
            for key in sorted({key for setting in found for key in setting}, key=_preference):
                values = tuple(setting.get(key) for setting in found)
                if len({repr(value) for value in values}) > 1:
                    varied[method].setdefault(key, ())
                    varied[method][key] += tuple(map(repr, values))
    return {method: _without_copies(keys) for method, keys in varied.items()}


def _preference(key: str) -> tuple[bool, int, str]:
    """``training.learning_rate`` comes before ``model.learning_rate``, ``model.adapter.r`` before its source."""
    return (not key.startswith(("training.", "model.adapter.")), key.count("."), key)


def _without_copies(values: dict[str, tuple[Any, ...]]) -> list[str]:
    kept: dict[tuple[Any, ...], str] = {}
    for key in sorted(values, key=_preference):
        kept.setdefault(values[key], key)
    return sorted(kept.values())


def _configurations(
    runs: list[Run],
    settings: Settings,
    here: dict[str, list[str]],
    anywhere: dict[str, list[str]],
    names: dict[str, str],
) -> tuple[tuple[Configuration, ...], list[tuple[Run, str]]]:
    def shown(run: Run, keys: dict[str, list[str]]) -> dict[str, Any]:
        setting = settings[run.folder]
        return {names[key]: setting[key] for key in keys.get(run.method, ()) if key in setting}

    found: dict[str, dict[int, Run]] = {}
    left_out: list[tuple[Run, str]] = []
    for run in sorted(runs, key=lambda run: (str(run.record.get("started")), str(run.folder))):
        by_seed = found.setdefault(_label(run.method, shown(run, here)), {})
        if run.seed in by_seed:
            reason = f"older than {run.name}, which has the same configuration and seed"
            left_out.append((by_seed[run.seed], reason))
        by_seed[run.seed] = run
    configurations = []
    for label, by_seed in found.items():
        first = next(iter(by_seed.values()))
        long_label = _label(first.method, shown(first, anywhere))
        runs_by_seed = tuple(by_seed[seed] for seed in sorted(by_seed))
        configurations.append(Configuration(label, long_label, first.method, shown(first, here), runs_by_seed))
    return tuple(sorted(configurations, key=lambda configuration: configuration.label)), left_out


def _label(method: str, shown: Mapping[str, Any]) -> str:
    return " ".join([method, *(f"{name}={_value(value)}" for name, value in shown.items())])


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return "none" if value is None else str(value)
