"""What an earlier run has left in the folder of a single run, and what is to become of it: as in a sweep."""

import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from src.runs.identity import identity, relevant
from src.runs.layout import RunFolder
from src.runs.lock import LockedError, owner
from src.runs.reading import unchecked_record
from src.runs.run_record import RunRecord
from src.training.run import resolve
from src.utils import fence
from src.utils.errors import UserError
from src.utils.places import what_helps
from src.utils.plain import plain

SHOWN = 5  # keys of the config that a message names at most


def look(cfg: DictConfig, folder: Path, again: bool = False) -> str | None:
    """Whether the run that stands in the folder is to stay; None where this one is to begin, or to go on.

    Args:
        cfg: the composed config, without Hydra's node.
        folder: the run's.
        again: a finished run that is the one asked for is run again.

    Returns:
        What is said of a finished run that is the one asked for, or that ``on_conflict=keep`` takes as it is.

    Raises:
        UserError: if another run stands there that ``on_conflict`` does not give up; the message says in what it
            differs, and the ways on.
    """
    if not fence.mine(folder) and (holder := owner(folder)) is not None:
        raise LockedError(folder, holder)
    record, on_conflict = unchecked_record(folder), cfg.sweep.on_conflict
    finished, file = record.status == "ok", RunFolder(folder).result
    if "status" not in record.content:
        if not os.path.lexists(file):
            return None
        said = f"{file} cannot be read, so nothing tells what stands there"
    elif differs := _differences(record, cfg):
        said = f"{folder} holds {_state(record)} that is not the one asked for: other {', '.join(differs)}"
    elif finished and not again:
        return f"{folder} is done already: {_score(record)}; nothing was run"
    else:
        return None
    if on_conflict == "rerun":
        return None
    if on_conflict == "keep" and finished:
        return f"{said}; it is kept, as on_conflict=keep says: {_score(record)}; nothing was run"
    keep = ", on_conflict=keep takes that one as it is" if finished else ""
    raise UserError(
        f"{said}; nothing was written. on_conflict=rerun runs this one in its place{keep}; or "
        f"{what_helps(folder)} names another folder"
    )


def _differences(record: RunRecord, cfg: DictConfig) -> list[str]:
    """In which parts the record's run is another one than the config's; of the config also the first keys."""
    # A record without the key was written before the budget of its config had been worked out.
    config = plain(cfg if "budget" not in record.content and record.status != "ok" else resolve(cfg))
    differs = [part for part, value in identity(config).items() if record.identity.get(part) != value]
    if "config" in differs and isinstance(before := record.content.get("config"), dict):
        ours, theirs = _leaves(relevant(config)), _leaves(before)
        keys = sorted(key for key in ours.keys() | theirs.keys() if repr(ours.get(key)) != repr(theirs.get(key)))
        # What instantiates a method repeats its own node.
        keys = [key for key in keys if not key.startswith("model.adapter.")] or keys
        more = ", ..." if len(keys) > SHOWN else ""
        if keys:
            differs[differs.index("config")] = f"config ({', '.join(keys[:SHOWN])}{more})"
    return differs


def _leaves(node: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(node, dict):
        return {prefix: node}
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def _state(record: RunRecord) -> str:
    if record.imported_from:
        return "an imported run"
    words = {"ok": "a finished run", "failed": "a failed run", "interrupted": "an interrupted run"}
    return words.get(str(record.status), "an unfinished run")


def _score(record: RunRecord) -> str:
    if (value := record.score) is None:
        return "it has no score"
    return f"{record.primary_metric.name} {value:.4f} on {record.primary_metric.split}"
