"""A job's folder name: its overrides, readable, the same for every spelling of the same values."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.runs.identity import NO_PART, NOT_IDENTITY
from src.sweep.compose import parsed_overrides
from src.utils.keys import short_name
from src.utils.paths import CONF
from src.utils.plain import plain
from src.utils.redact import is_secret, without_secrets

MAX_LENGTH = 120
HIDDEN = (
    "model.rules",
    "model.auto",
    "model.budget",
    "model.search",
    "data.rules",
    "data.sources",
    "data.rows",
)  # not for overriding


def job_name(overrides: Sequence[str], cfg: DictConfig) -> str:
    """The folder name of the job that these overrides compose to ``cfg``.

    Values are taken from the composed config, so ``1e-4`` and ``0.0001`` give one name; keys are cut to what is
    unambiguous; what has no part in a run's identity is left out. What a file name cannot say, or what is longer
    than 120 characters, ends in a hash of the whole.
    """
    keys = list(_leaves(plain(cfg, resolve=False)))
    parts = {}
    for override in parsed_overrides(overrides):
        key = override.key_or_group
        if _has_no_part(key):
            continue
        if override.is_delete():
            parts[key] = f"no_{short_name(key, keys)}"
        elif (CONF / key).is_dir():
            parts[key] = f"{key}={override.value()}"
        else:
            parts[key] = f"{short_name(key, keys)}={_text(key, OmegaConf.select(cfg, key))}"
    # Groups first: they say most. Sorted, because the order of overrides makes no other job.
    ordered = sorted(parts, key=lambda key: (not (CONF / key).is_dir(), key))
    return _file_name(",".join(parts[key] for key in ordered) or "default")


def _file_name(text: str) -> str:
    plain = re.sub(r"""[\[\]{}"' ]""", "", text)
    name = re.sub(r"[^\w.=,+-]", "-", plain)
    if name == plain and len(name) <= MAX_LENGTH:
        return name
    return f"{name[: MAX_LENGTH - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _has_no_part(key: str) -> bool:
    group, _, rest = key.partition(".")
    return (group in NO_PART and group != "budget") or rest in NOT_IDENTITY.get(group, ()) or is_secret(key)


def _text(key: str, value: Any) -> str:
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=True)
    value = without_secrets(value, key)
    return value if isinstance(value, str) else json.dumps(value)


def _leaves(node: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    """Every key of a config, interpolations not resolved, that holds a value of its own."""
    for key, child in node.items():
        name = f"{prefix}{key!s}"
        if name in HIDDEN or name == "hydra":
            continue
        if isinstance(child, dict):
            yield from _leaves(child, f"{name}.")
        else:
            yield name
