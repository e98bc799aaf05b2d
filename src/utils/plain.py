"""A config as plain containers."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf


def plain(cfg: DictConfig, resolve: bool = True, complete: bool = False) -> dict[str, Any]:
    """A node of a config as a dict of dicts, lists and values.

    Args:
        cfg: the node.
        resolve: replace every interpolation by what it stands for.
        complete: raise OmegaConf's error for a value that is ``???``, which has to be given.
    """
    found = OmegaConf.to_container(cfg, resolve=resolve, throw_on_missing=complete)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def branch(config: Mapping[str, object], key: str) -> dict[str, Any]:
    """A map within plain containers; an empty one where none stands under the key."""
    found = config.get(key)
    return found if isinstance(found, dict) else {}
