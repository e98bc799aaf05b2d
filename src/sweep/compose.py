"""Composing the many jobs of a sweep, whose overrides differ in little but values.

Hydra reads and merges a dozen files for every job, a tenth of a second each. What files it takes is decided by the
overrides that choose from a group, and by those that add or delete a key. So it composes one job of each kind, and in
the others the values are set where it has set those of the first.
"""

import functools
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from src.utils.paths import CONF

Compose = Callable[[Sequence[str]], DictConfig]


class Composer:
    """Composes like the function that it is given, and much quicker where it has composed a job of the same kind.

    Args:
        compose: from overrides to a composed config with Hydra's node.
    """

    def __init__(self, compose: Compose) -> None:
        self._compose = compose
        self._first: dict[tuple[str, ...], tuple[bytes, bytes]] = {}  # of each kind, with and without Hydra's node

    def __call__(self, overrides: Sequence[str]) -> DictConfig:
        """The job's config, with Hydra's node."""
        parsed = parsed_overrides(overrides)
        if (config := self._like_the_first(parsed, 0)) is None:
            return self._compose_first(overrides, parsed)[0]
        _write_overrides(config, parsed)
        return config

    def task(self, overrides: Sequence[str]) -> DictConfig:
        """The job's config without Hydra's node, as ``task_config`` gives it."""
        parsed = parsed_overrides(overrides)
        found = self._like_the_first(parsed, 1)
        return self._compose_first(overrides, parsed)[1] if found is None else found

    def _like_the_first(self, parsed: Sequence[Override], which: int) -> DictConfig | None:
        """The config of a kind's first job with this one's values; None if that would be another than Hydra's."""
        values = {str(override.key_or_group): override.value() for override in parsed if _is_value(override)}
        first = self._first.get(_kind(parsed))
        if first is None or len(values) < sum(map(_is_value, parsed)):  # of a key that stands twice the last wins
            return None
        config = pickle.loads(first[which])  # written by this very process
        if any(OmegaConf.is_dict(_node(config, key)) for key in values):  # Hydra merges a value into a map
            return None
        for key, value in values.items():
            OmegaConf.update(config, key, value, merge=True)
        return config

    def _compose_first(self, overrides: Sequence[str], parsed: Sequence[Override]) -> tuple[DictConfig, DictConfig]:
        config = self._compose(overrides)
        task = task_config(config)
        self._first[_kind(parsed)] = pickle.dumps(config), pickle.dumps(task)
        return config, task


def parsed_overrides(overrides: Sequence[str]) -> list[Override]:
    """Overrides as Hydra reads them; the jobs of a sweep have most of them in common."""
    return [_parsed(override) for override in overrides]


@functools.lru_cache(maxsize=8192)
def _parsed(override: str) -> Override:
    return OverridesParser.create().parse_overrides([override])[0]


def _kind(parsed: Sequence[Override]) -> tuple[str, ...]:
    """What jobs have in common that differ in values alone."""
    return tuple(str(o.key_or_group) if _is_value(o) else str(o.input_line) for o in parsed)


def task_config(config: DictConfig) -> DictConfig:
    """A job's config without Hydra's own node."""
    cfg = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    OmegaConf.copy_cache(config, cfg)
    return cfg


def _node(config: DictConfig, key: str) -> Any:
    return OmegaConf.select(config, key, throw_on_resolution_failure=False)


def _is_value(override: Override) -> bool:
    """Whether an override only sets a key that is there to a value that is no map."""
    key = str(override.key_or_group)
    changes = override.is_delete() or override.is_add() or override.is_force_add() or override.package is not None
    plain = not changes and not override.is_sweep_override() and not isinstance(override.value(), dict)
    return plain and not (CONF / key.replace(".", "/")).is_dir() and not override.is_hydra_override()


def _write_overrides(config: DictConfig, parsed: Sequence[Override]) -> None:
    """What Hydra notes of a job's overrides."""
    own = [override for override in parsed if not override.is_hydra_override()]
    config.hydra.overrides.task = [override.input_line for override in own]
    how = config.hydra.job.config.override_dirname
    named = sorted(str(override.input_line) for override in own if override.key_or_group not in how.exclude_keys)
    config.hydra.job.override_dirname = how.item_sep.join(named).replace("=", how.kv_sep)
