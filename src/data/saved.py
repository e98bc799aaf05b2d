"""The data of a run as its folder tells it, checked before a loader is called: the folder may be a stranger's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from src.config import check_rule
from src.config.key_rules import RULES as KEY_RULES
from src.config.known_names import TARGET, ForeignNameError, targets
from src.config.rules import show
from src.utils.errors import UserError
from src.utils.foreign import opened, read_text
from src.utils.redact import MASK, STANDS_IN

FILE = Path(".hydra") / "config.yaml"
RENAMED = {"spelling": "label_encoding"}  # old names of a source's keys
# The one kind of interpolation that is followed: to another value of the same node. Resolvers are functions.
WITHIN = re.compile(r"\$\{data(\.\w+)+\}")
LARGEST, DEEPEST, MOST_ROWS = 2**22, 32, 10**8  # bytes of the file, nodes within nodes, any number of the node
# In an older folder, or where rows decide.
MAY_LACK = ("kind", "long", "also", "max_length", "holdout_fraction", "holdout_max", "rows")
RULES = {key: f"{rule} | null" if key in MAY_LACK else rule for key, rule in KEY_RULES["data"].items()} | {
    "label_names": "list[str] | list[int] | null",
    "kind": "str | null",  # of today's or not; whoever needs it looks it up
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
    if not file.exists():
        raise UserError(f"{folder} holds no {FILE}, so its data cannot be found")
    with opened(file):
        text = read_text(file, LARGEST)
        _check_form(text)
        raw: Any = OmegaConf.to_container(OmegaConf.create(STANDS_IN.sub(MASK, text)))
    data = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(data, dict):
        raise UserError(f"{file} names no data")
    _rename(data.get("sources"))
    _check_interpolations(file, data, WITHIN)
    with opened(file):
        found = OmegaConf.create({"data": data})
        resolved: Any = OmegaConf.to_container(found.data, resolve=True)
    for key, rule in RULES.items():
        if not check_rule(resolved.get(key), rule):
            raise UserError(f"{file}: data.{key}={show(resolved.get(key))} breaks the rule: {rule}")
    _check_interpolations(file, resolved, None)  # two values may make a new one together
    _check_loaders(file, resolved)
    _check_sizes(file, resolved)
    if resolved.get("also"):
        found.data.also = []  # further sets, which nobody asks for but a run
    return found


def _rename(sources: Any) -> None:
    """Call the keys of the sources in older folders what they are called now."""
    for source in sources.values() if isinstance(sources, dict) else ():
        for old, new in RENAMED.items():
            if isinstance(source, dict) and old in source:
                source[new] = source.pop(old)


def _check_form(text: str) -> None:
    """Refuse what Hydra never writes: anchors, which can make gigabytes of a few lines, and nodes without end."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    for event in yaml.parse(text, loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise UserError(f"its nodes are nested more than {DEEPEST} deep")
        if isinstance(event, yaml.AliasEvent):
            raise UserError(f"it refers to the anchor &{event.anchor}, which no saved config has")


def _check_sizes(file: Path, data: Any) -> None:
    """Refuse a number that no source of rows can mean: a loader may make that many of them."""
    for key, value in _leaves(data, "data"):
        if isinstance(value, int | float) and not abs(value) <= MOST_ROWS:
            raise UserError(f"{file}: {key}={show(value)} is more than any source has: at most {MOST_ROWS:,}")


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
