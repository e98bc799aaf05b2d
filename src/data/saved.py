"""The data of a run as its folder tells it, checked before a loader is called: the folder may be a stranger's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.config import check_rule
from src.config.known_names import TARGET, ForeignNameError, targets
from src.utils.errors import UserError
from src.utils.files import read_regular

LARGEST = 4 * 2**20  # bytes
FILE = Path(".hydra") / "config.yaml"
# The one kind of interpolation that is followed: to another value of the same node. Resolvers are functions.
WITHIN = re.compile(r"\$\{data(\.\w+)+\}")
RULES = {
    "name": "str",
    "text": "list[str]",
    "label": "str",
    "label_names": "list[str] | list[int] | null",
    "metrics": "list[str]",
    "primary_metric": "str",
    "evaluation_splits": "list[str]",
    "source": "str",
    "sources": "map",
}


def read_data(folder: Path) -> DictConfig:
    """A config with the node ``data`` alone, of the one that Hydra left in a run's folder.

    Nothing of it is instantiated: its sources are found in the table of ``src.config.known_names``, all else is plain
    values.

    Args:
        folder: the run's.

    Raises:
        UserError: if there is none, as in a run that was imported; if it is no such config, calls a resolver, or names
            a loader that is none of this project's.
    """
    file = folder / FILE
    if not file.is_file():
        raise UserError(f"{folder} holds no {FILE}, so its data cannot be found")
    try:
        raw: Any = OmegaConf.to_container(OmegaConf.create(_text(file)))
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException, RecursionError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    data = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(data, dict):
        raise UserError(f"{file} names no data")
    _check_interpolations(file, data, WITHIN)
    found = OmegaConf.create({"data": data})
    try:
        resolved: Any = OmegaConf.to_container(found.data, resolve=True)
    except (ValueError, OmegaConfBaseException, RecursionError) as error:
        raise UserError(f"{file}: {error}") from error
    for key, rule in RULES.items():
        if not check_rule(resolved.get(key), rule):
            raise UserError(f"{file}: data.{key}={resolved.get(key)!r} breaks the rule: {rule}")
    _check_interpolations(file, resolved, None)  # two values may make a new one together
    _check_loaders(file, resolved)
    return found


def _text(file: Path) -> str:
    """The config's text, if it is none that grows when it is read: a few lines of aliases can fill any memory."""
    text = read_regular(file, LARGEST).decode("utf-8")
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
        raise ValueError("it holds aliases (*), and Hydra writes none")
    return text


def _check_interpolations(file: Path, data: Any, allowed: re.Pattern[str] | None) -> None:
    for key, value in _leaves(data, "data"):
        if isinstance(value, str) and "${" in (allowed.sub("", value) if allowed else value):
            raise ForeignNameError(file, key, value, "a value, or ${data.KEY} for another one of the same task")


def _check_loaders(file: Path, data: Any) -> None:
    allowed = {f"data.sources.{name}.{TARGET}" for name in data["sources"]}
    for key, value in _leaves(data, "data"):
        if key.rpartition(".")[2] == TARGET and not (key in allowed and value in targets("data")):
            choices = f"{', '.join(sorted(targets('data')))}; a loader of yours, once a file in conf/data names it"
            raise ForeignNameError(file, key, value, choices)


def _leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Dotted key and value of all that is no map and no list; an empty one counts, and so does a map's own key."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield f"{key}.<key>", name
            yield from _leaves(value, f"{key}.{name}")
        return
    if isinstance(node, list):
        for number, value in enumerate(node):
            yield from _leaves(value, f"{key}.{number}")
        return
    yield key, node
