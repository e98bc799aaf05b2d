"""Which runs may be averaged, which may be compared, and what each configuration is called."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.compare.settings import MISSING, default_of, same_value, settings_of
from src.runs.reading import Run
from src.utils.keys import short_name

# Keys of these groups of the config are the same for all methods of a fair comparison: where one varies, every row of
# the group says so. The other keys are a method's own affair.
SHARED = ("data.", "backbone.")
# alpha / r scales an update: names of the two next to each other. Of AdaLoRA r is the rank that it starts from.
ALPHA, RANK = ("alpha", "lora_alpha"), ("r", "init_r")
NOWHERE = same_value(MISSING)
Settings = Mapping[Path, Mapping[str, Any]]  # by the run's folder
Texts = Mapping[Path, Mapping[str, str]]  # the settings' values as ``same_value`` writes them


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
    by_fixed: dict[str, list[Run]] = defaultdict(list)
    fixed_of: dict[str, dict[str, Any]] = {}
    for run in runs:
        fixed = held_fixed(run, metric)
        by_fixed[repr(fixed)].append(run)
        fixed_of[repr(fixed)] = fixed
    settings = _complete(runs)
    same = {folder: {key: same_value(value) for key, value in found.items()} for folder, found in settings.items()}
    anywhere = _varied_keys(by_fixed.values(), same)
    within = {key: _varied_keys([members], same) for key, members in by_fixed.items()}
    names = _Names(settings, [anywhere, *within.values()])
    groups, left_out = [], []
    for key in sorted(by_fixed):
        found, older = _by_configuration(by_fixed[key], same, within[key])
        configurations = _named(found, settings, within[key], anywhere, names)
        groups.append(Group(fixed_of[key], tuple(sorted(configurations, key=lambda entry: entry.label))))
        left_out += older
    return groups, left_out


def held_fixed(run: Run, metric: str | None = None) -> dict[str, object]:
    """What must be the same in two runs whose scores are averaged or compared."""
    record, training = run.record, run.record.training
    rows, micro_batches = training.per_device_train_batch_size, training.gradient_accumulation_steps or 1
    steps = training.max_steps or -1
    return {
        "data": record.data,
        "backbone": record.backbone,
        "metric": metric or record.primary_metric.name,
        "split": record.primary_metric.split,
        "selection": record.selection,
        "epochs": f"{steps} steps" if steps > 0 else training.num_train_epochs,
        "batch size": rows and rows * micro_batches * (record.processes or 1),
        "max_length": record.max_length,
        "long texts": None if record.long == "cut" else "in windows",
        "training rows": record.rows.get("train"),
        "data fingerprint": str(record.data_fingerprint)[:8],
        "backbone fingerprint": str(record.backbone_fingerprint)[:8],
    }


def _complete(runs: Sequence[Run]) -> dict[Path, dict[str, Any]]:
    """Each run's settings, with the defaults of the keys that other runs have and it lacks."""
    settings = {run.folder: settings_of(run) for run in runs}
    _name_backbones(runs, settings)
    shared = {key for setting in settings.values() for key in setting if key.startswith(SHARED)}
    of_method: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        own = settings[run.folder].keys()
        of_method[run.method] |= own | {alpha for key in own for alpha in _alphas(key)}
    for run in runs:
        setting = settings[run.folder]
        for key in (of_method[run.method] | shared) - setting.keys():
            setting[key] = default_of(key, run)
    return settings


def _alphas(key: str) -> list[str]:
    """What may scale the rank that the key sets."""
    node, _, name = key.rpartition(".")
    return [f"{node}.{alpha}" for alpha in ALPHA] if name in RANK else []


def _name_backbones(runs: Sequence[Run], settings: dict[Path, dict[str, Any]]) -> None:
    """A backbone is what its files hold: a folder that was moved is the same one, and other files in it are not."""
    hashes = {run.folder: run.record.identity.get("backbone") for run in runs}
    places: dict[str, str] = {}
    for run in runs:
        path = str(settings[run.folder].get("backbone.path"))
        if found := hashes[run.folder]:
            places[found] = min(places.get(found, path), path)
    for run in runs:
        if found := hashes[run.folder]:
            settings[run.folder]["backbone.path"] = f"{places[found]} {found[:8]}"


def _varied_keys(groups: Iterable[list[Run]], same: Texts) -> dict[str, list[str]]:
    """Per method, the keys that vary between runs of one group; a key that repeats another's values is left out."""
    varied: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for number, runs in enumerate(groups):
        shared = [key for key in _varying([same[run.folder] for run in runs]) if key.startswith(SHARED)]
        for method in {run.method for run in runs}:
            found = [same[run.folder] for run in runs if run.method == method]
            own = [key for key in _varying(found) if not key.startswith(SHARED)]
            for key in {*shared, *own, *_untied(own, found)}:
                values = (setting.get(key, NOWHERE) for setting in found)
                varied[method][key] = (*varied[method].get(key, ()), number, *values)
    return {method: _without_copies(keys) for method, keys in varied.items()}


def _varying(settings: Sequence[Mapping[str, str]]) -> list[str]:
    keys = {key for setting in settings for key in setting}
    return [key for key in keys if len({setting.get(key, NOWHERE) for setting in settings}) > 1]


def _untied(varied: Sequence[str], settings: Sequence[Mapping[str, str]]) -> list[str]:
    """The alphas that stay what they are while r varies, so that the scaling alpha / r does; rsLoRA has another."""
    return [
        alpha
        for key in varied
        if not any(setting.get(f"{key.rpartition('.')[0]}.use_rslora") == same_value(True) for setting in settings)
        for alpha in _alphas(key)
        if any(setting.get(alpha, NOWHERE) != NOWHERE for setting in settings)
    ]


def _preference(key: str) -> tuple[bool, bool, int, str]:
    """``training.learning_rate`` comes before ``model.learning_rate``, ``adapter.r`` before alpha and ``lora.r``."""
    ours = key.startswith(("training.", "model.adapter."))
    return (not ours, key.rpartition(".")[2] in ALPHA, key.count("."), key)


def _without_copies(values: dict[str, tuple[Any, ...]]) -> list[str]:
    kept: dict[tuple[Any, ...], str] = {}
    for key in sorted(values, key=_preference):
        kept.setdefault(values[key], key)
    return sorted(kept.values())


class _Names:
    """What keys and values are called in labels: as short as tells them apart.

    Args:
        settings: of all runs.
        varied: for each group, the keys that it shows, by method.
    """

    def __init__(self, settings: Settings, varied: Sequence[Mapping[str, Sequence[str]]]) -> None:
        keys = sorted({key for of_method in varied for keys in of_method.values() for key in keys})
        self._keys = {key: short_name(key, keys) for key in keys}
        self._exact = {key for key in keys if _look_alike(found.get(key, MISSING) for found in settings.values())}

    def shown(self, setting: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
        """The keys' values by their short names, where there are any."""
        return {self._keys[key]: setting[key] for key in keys if setting.get(key, MISSING) is not MISSING}

    def label(self, method: str, setting: Mapping[str, Any], keys: Iterable[str]) -> str:
        """The method, and what tells its configuration from the others."""
        parts = [
            f"{self._keys[key]}={_exact(setting[key]) if key in self._exact else _value(setting[key])}"
            for key in keys
            if setting.get(key, MISSING) is not MISSING
        ]
        return " ".join([method, *parts])


def _look_alike(values: Iterable[Any]) -> bool:
    """Whether different values are written alike in labels."""
    distinct = {same_value(value): value for value in values if value is not MISSING}
    return len({_value(value) for value in distinct.values()}) < len(distinct)


def _by_configuration(
    runs: list[Run], same: Texts, keys: Mapping[str, Sequence[str]]
) -> tuple[list[dict[int, Run]], list[tuple[Run, str]]]:
    """The runs of each configuration by their seed, and those that a later run of the same seed replaces."""
    found: dict[tuple[str, ...], dict[int, Run]] = {}
    left_out: list[tuple[Run, str]] = []
    for run in sorted(runs, key=lambda run: (str(run.record.started), str(run.folder))):
        values = (same[run.folder].get(key, NOWHERE) for key in keys.get(run.method, ()))
        by_seed = found.setdefault((run.method, *values), {})
        if run.seed in by_seed:
            reason = f"older than {run.name}, which has the same configuration and seed"
            left_out.append((by_seed[run.seed], reason))
        by_seed[run.seed] = run
    return list(found.values()), left_out


def _named(
    found: Iterable[Mapping[int, Run]],
    settings: Settings,
    here: Mapping[str, Sequence[str]],
    anywhere: Mapping[str, Sequence[str]],
    names: _Names,
) -> Iterator[Configuration]:
    used: Counter[str] = Counter()
    for by_seed in found:
        first = next(iter(by_seed.values()))
        setting, keys = settings[first.folder], here.get(first.method, ())
        label = names.label(first.method, setting, keys)
        long_label = names.label(first.method, setting, anywhere.get(first.method, ()))
        used[label] += 1
        if used[label] > 1:  # words within a value can make two labels alike
            label, long_label = f"{label} #{used[label]}", f"{long_label} #{used[label]}"
        runs = tuple(by_seed[seed] for seed in sorted(by_seed))
        yield Configuration(label, long_label, first.method, names.shown(setting, keys), runs)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return "none" if value is None else str(value)


def _exact(value: Any) -> str:
    return "null" if value is None else str(list(value)) if isinstance(value, tuple) else repr(value)
