"""A winner as an experiment config, which composes to what the winner was trained with, key by key."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.sweep.compose import Composer, task_config
from src.utils.errors import UserError
from src.utils.files import write_whole
from src.utils.places import make_folder
from src.utils.plain import plain

GROUPS = ("model", "backbone", "data", "training")
NOT_WRITTEN = ("sweep", "tune", "watch", "on_conflict")  # of the tuning itself


def write_winner(config: DictConfig, compose: Composer, file: Path, comment: str, tuned: Collection[str] = ()) -> None:
    """Write the config for ``python main.py --config-dir FOLDER/conf experiment=NAME``.

    It names the choices of model, backbone, data and training, and holds every value that they do not compose to:
    those of the experiment, of the arm, and those that were tuned. Interpolations stay what they are.

    Args:
        config: as composed for the winner, with Hydra's node.
        compose: from overrides to a composed config.
        file: ``FOLDER/conf/experiment/NAME.yaml``.
        comment: one line.
        tuned: keys that are written even where they have their default.
    """
    choices = _choices(config)
    base = compose([f"{group}={choice}" for group, choice in choices.items()])
    changed = OmegaConf.create(_changes(_plain(base), _plain(config)))
    for key in tuned:
        OmegaConf.update(changed, key, OmegaConf.select(config, key), force_add=True)
    defaults = [*({f"override /{group}": choice} for group, choice in choices.items()), "_self_"]
    body = OmegaConf.to_yaml(OmegaConf.merge({"defaults": defaults}, changed))
    make_folder(file.parent)
    write_whole(file, f"# @package _global_\n# {comment}\n{body}")


def check_writable(overrides: Sequence[str], config: DictConfig, compose: Composer) -> None:
    """Refuse, before anything runs, an arm whose winner no config could hold.

    Raises:
        UserError: if it takes a key out of the config.
    """
    base = _plain(compose([f"{group}={choice}" for group, choice in _choices(config).items()]))
    if gone := sorted(_deleted(base, _plain(config))):
        raise UserError(
            f"{' '.join(overrides)}: {', '.join(gone)} is not in the config, and the winner's config, which is one of "
            "Hydra's experiments, can take no key out; give the key the value that it should have"
        )


def _choices(config: DictConfig) -> dict[str, str]:
    found = config.hydra.runtime.choices
    return {group: str(found[group]) for group in GROUPS if found.get(group) is not None}


def _plain(config: DictConfig) -> dict[str, Any]:
    found = plain(task_config(config), resolve=False)
    return {key: value for key, value in found.items() if key not in NOT_WRITTEN}


def _changes(base: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be merged into the base to have what is wanted."""
    found: dict[str, Any] = {}
    for key, value in wanted.items():
        before = base.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            if inner := _changes(before, value):
                found[key] = inner
        elif key not in base or repr(before) != repr(value):  # 1, 1.0 and true are three values
            found[key] = value
    return found


def _deleted(base: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, before in base.items():
        if key not in wanted:
            yield f"{prefix}{key}"
        elif isinstance(before, Mapping) and isinstance(wanted[key], Mapping):
            yield from _deleted(before, wanted[key], f"{prefix}{key}.")
