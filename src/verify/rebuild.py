"""From the config in a record to the overrides that compose to it here: a saved config is data, and stays so.

Only what differs from the project's own choice of model, backbone, data and training becomes an override, only for keys
that this project knows, and only as a plain value: no ``_target_``, no interpolation, no key of Hydra's.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

import src.config.resolvers  # noqa: F401  what our configs refer to
from src.config.choices import choices
from src.config.composing import composed
from src.config.known_names import TARGET
from src.config.older import renewed
from src.config.rules import show
from src.config.training_keys import OURS, WORKS
from src.runs.checked import check_job
from src.runs.identity import NOT_IDENTITY, identity, relevant
from src.sweep.compose import task_config
from src.utils.errors import UserError, in_short
from src.utils.keys import leaves, override
from src.utils.plain import plain
from src.utils.redact import MASK
from src.utils.text import printable

GROUPS = ("model", "backbone", "data", "training")
LOOSE = ("seed", "init_from")  # keys of the top level that a run's numbers follow from
# What these name is called, or imported.
FUNCTIONS = ("model.auto", "model.method", "model.adapter", "backbone.package")
ROUNDS = 3  # a value that is set moves those that refer to it


class Absent:
    """Stands for a key that is not there."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = Absent()


@dataclass(frozen=True)
class Rebuilt:
    """A record's config, composed here.

    Attributes:
        overrides: the words for ``main.py``.
        identity: what it is here, see ``src.runs.identity``.
        other: keys whose value cannot be made the record's, as ``KEY: X there, Y here``.
    """

    overrides: tuple[str, ...]
    identity: dict[str, str]
    other: tuple[str, ...]


def rebuild(saved: Mapping[str, object], more: Sequence[str] = ()) -> Rebuilt:
    """Compose a record's config out of this project's own files.

    Args:
        saved: the config of a run's record, checked by the schema; empty where it has none.
        more: overrides of the user's own, as where the data lies here; they win.

    Raises:
        UserError: if the record holds no config, names a choice that there is not here, or its values break a rule.
    """
    if not all(isinstance(saved.get(group), dict) for group in GROUPS):
        raise UserError("its record holds no whole config (an imported run, or an older one)")
    saved = renewed(saved)
    words = [f"{group}={_choice(group, saved)}" for group in GROUPS if group != "training"]
    other: list[str] = []
    for _ in range(ROUNDS):
        found = _relevant(_compose(words))
        differ = list(_differ(saved, found))
        other = [f"{key}: {_shown(there)} there, {_shown(here)} here" for key, there, here in differ]
        new = [_word(key, there) for key, there, _ in differ if _settable(key, there, found)]
        if not (new := [word for word in new if word not in words]):
            break
        words += new
    words += more
    check_job(cfg := _compose(words))
    return Rebuilt(tuple(words), identity(_plain(cfg)), tuple(other))


def _differ(saved: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Key, value there and value here of all that differs; what instantiates a method repeats its own node."""
    there, now = _values(saved), _values(here)
    for key in sorted(there.keys() | now.keys()):
        one, other = there.get(key, ABSENT), now.get(key, ABSENT)
        if not key.startswith("model.adapter.") and repr(one) != repr(other):
            yield key, one, other


def _values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every value by its key; a map within ``training`` is one value, as it is set as one."""
    training = config.get("training") or {}
    rest = {group: node for group, node in config.items() if group != "training"}
    return dict(leaves(rest)) | {f"training.{key}": value for key, value in training.items()}


def _settable(key: str, value: Any, here: Mapping[str, Any]) -> bool:
    """Whether a key of a saved config may become an override."""
    group, _, rest = key.partition(".")
    sound = all(part.isidentifier() for part in key.split(".")) and TARGET not in key.split(".") and _is_plain(value)
    if not sound or key.startswith(FUNCTIONS) or rest in NOT_IDENTITY.get(group, ()):
        return False
    if group == "training":
        return rest in WORKS.keys() | OURS.keys()
    return key in LOOSE or (group in GROUPS and key in _values(here))


def _is_plain(value: Any) -> bool:
    """Whether a value holds no interpolation, no secret and nothing that names a function."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and key.isidentifier() and key != TARGET and _is_plain(item)
                   for key, item in value.items())  # fmt: skip
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, Absent):
        return False
    return not isinstance(value, str) or ("${" not in value and MASK not in value and value.isprintable())


def _word(key: str, value: Any) -> str:
    return ("++" if key.startswith("training.") else "") + override(key, value)


def _choice(group: str, saved: Mapping[str, Any]) -> str:
    name = str(saved[group].get("name"))
    if name not in (known := choices(group)):
        raise UserError(f"{group}.name={show(name)} is no choice here; choices: {', '.join(known)}")
    return name


def _compose(words: Sequence[str]) -> DictConfig:
    try:
        return _composed(tuple(words))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"its config cannot be composed here: {in_short(error)}") from error


@functools.lru_cache(maxsize=256)
def _composed(words: tuple[str, ...]) -> DictConfig:
    return task_config(composed(words))


def _relevant(cfg: DictConfig) -> dict[str, Any]:
    return relevant(_plain(cfg))


def _plain(cfg: DictConfig) -> dict[str, Any]:
    try:
        return plain(cfg)
    except OmegaConfBaseException as error:
        raise UserError(f"its config cannot be composed here: {in_short(error)}") from error


def _shown(value: Any) -> str:
    return printable(show(value))[:80]
