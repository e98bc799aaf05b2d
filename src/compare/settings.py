"""What a run's record says of its settings: every key that can change a number, and what a missing key means."""

import functools
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.config.choices import written
from src.config.class_defaults import training_defaults
from src.config.key_rules import RENAMED
from src.config.method_names import named
from src.config.peft_fields import peft_defaults
from src.runs.identity import NO_PART, NOT_IDENTITY
from src.runs.reading import Run
from src.utils.keys import leaves
from src.utils.paths import CONF
from src.utils.redact import hides

# Keys of a record's config that cannot make two runs of one seed differ, with the reason; those without a part in a
# run's identity (NOT_IDENTITY, NO_PART) come first. What is not listed is told apart, a key of tomorrow too.
NO_DIFFERENCE: dict[str, str] = {
    **{f"{group}.{key}": reason for group, keys in NOT_IDENTITY.items() for key, reason in keys.items()},
    **dict.fromkeys(NO_PART, "how jobs are planned, resumed and watched; a budget acts through its knob"),
    "seed": "what a configuration is repeated over",
    "data.dir": "where the files lie; what is in them splits the groups, by the data's fingerprint",
    "data.files": "where the files lie; what is in them splits the groups, by the data's fingerprint",
    "data.metrics": "what else is computed from the same predictions; the metric that is compared splits the groups",
    "data.cluster": "what intervals draw whole, of all runs of a table alike",
    "training.per_device_eval_batch_size": "predictions are made row by row",
}
GROUPS = ("model", "backbone", "data")
MISSING = object()  # neither in the record nor known to have a default: equal to itself alone


def settings_of(run: Run) -> dict[str, object]:
    """Every value of the run's config that can change a number, by its dotted key; the precision as it was resolved."""
    record = run.record
    config: dict[str, Any] = dict(record.config.content) or {
        "model": {"adapter": record.content.get("adapter_config")},
        "training": record.content.get("training"),
    }
    if isinstance(model := config.get("model"), Mapping):  # a path of a class, in older records, and a name are one
        config["model"] = named(model)
    # An empty map says as much as one that is missing.
    found = {
        key: _plain(value)
        for key, value in ((RENAMED.get(key, key), value) for key, value in leaves(config))
        if value != {} and not _makes_no_difference(key) and not hides(key, value)
    }
    if (found.get("training.max_steps") or -1) > 0:
        found.pop("training.num_train_epochs", None)  # steps decide
    targets = record.adapter_config.get("target_modules")
    for key, value in found.items():  # what `auto` was for the backbone; older records name the modules
        if key.endswith(".target_modules") and value == "auto" and targets:
            found[key] = _plain(targets)
    if precision := record.training.precision:
        found["training.precision"] = precision
    return found


@functools.cache
def _makes_no_difference(key: str) -> bool:
    parts = key.split(".")
    return any(".".join(parts[:end]) in NO_DIFFERENCE for end in range(1, len(parts) + 1))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, Mapping) else value


def same_value(value: object) -> str:
    """A text that two values have in common only if they are the same value: 8 and 8.0 are, 1 and true are not."""
    if value is MISSING:
        return "missing"
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        number = float(value)
        return repr(number) if number == value or number != number else repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(same_value, value))}]"
    return repr(value)


def default_of(key: str, run: Run) -> object:
    """The value that a key had in a run whose record lacks it, or ``MISSING``.

    A key that was added to the config since has today's default: every key was added with the default that does what
    was done before it. A field that was left to its library has the library's.
    """
    config = run.record.config
    names = config.model.name, config.backbone.name, config.data.name
    return _default_of(key, names, str(named(config.model.content).get("method")))


@functools.cache
def _default_of(key: str, names: tuple[str | None, ...], method: str) -> Any:
    try:
        return _look_up(key, names, method)
    except (OmegaConfBaseException, ValueError, TypeError, AttributeError):  # it refers to what is not known here
        return MISSING


def _look_up(key: str, names: tuple[str | None, ...], method: str) -> Any:
    group, _, field = key.partition(".")
    if group == "training":  # a key that was taken out of the config is the library's to decide
        ours: Any = OmegaConf.load(CONF / "training" / "default.yaml")
        library = training_defaults()
        return library[field] if field in library else ours.get(field, MISSING)
    if group == "model" and field.count(".") == 1:
        library = peft_defaults(method)
        if (name := field.partition(".")[2]) in library:
            return library[name]
    value = OmegaConf.select(_defaults(names), key, default=MISSING)
    return _plain(OmegaConf.to_container(value)) if OmegaConf.is_config(value) else value


@functools.cache
def _defaults(names: tuple[str | None, ...]) -> Any:
    """The primary config with the named choices of model, backbone and data over it, as far as they are our own."""
    parts = [OmegaConf.load(CONF / "config.yaml")]
    for group, name in zip(GROUPS, names, strict=True):
        file = CONF / group / f"{name}.yaml"
        if name and file in (CONF / group).iterdir():
            parts.append(OmegaConf.create({group: written(group, file.stem)}))
    return OmegaConf.merge(*parts)
