"""The records in conf/data of the tasks that a mix names. Imports nothing heavy: configs are checked with it."""

import difflib
from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf

from src.config.choices import choices, written
from src.utils.errors import UserError
from src.utils.paths import CONF

FOLDER = CONF / "data"
FILES = ("tsv", "files")  # sources in data.dir: a mix reads each task's from the one that it has
FIXED_OF_A_MIX = ("metrics", "primary_metric", "evaluation_splits")  # besides
FIXED_KEYS = ("text", "label", "label_names")  # of a task's source, unless that takes them from the task


def task_records(tasks: Sequence[str], source: str, folder: str | None) -> dict[str, Any]:
    """The records by the tasks' names, interpolations resolved.

    Args:
        tasks: names of files in conf/data.
        source: ``own`` for each task's default, else one that all of them have.
        folder: ``data.dir``.

    Raises:
        UserError: fewer than two tasks, one named twice or unknown, or a task without the source.
    """
    if isinstance(tasks, str) or not isinstance(tasks, Sequence):
        raise UserError(f"data.tasks={tasks} breaks the rule: list[str]")
    tasks = list(map(str, tasks))
    if len(tasks) < 2 or len(set(tasks)) < len(tasks):
        raise UserError(f"data.tasks={tasks} breaks the rule: two or more different tasks")
    return {task: task_record(task, source, folder) for task in tasks}


def check_fixed_keys(data: dict[str, Any]) -> None:
    """Refuse a key of a task that its source does not look at: it would be recorded, and change nothing.

    A source's node says with ``${data.text}`` and the like what it takes from the task's keys; all else is the task's
    own, as its file in conf/data states it.

    Args:
        data: the composed ``data`` node, interpolations resolved.

    Raises:
        UserError: naming the key, its value and the file's.
    """
    file = FOLDER / f"{data['name']}.yaml"
    if not file.is_file():
        return  # a record of the user's own
    own_file = written("data", data["name"])
    node = own_file.get("sources", {}).get(data["source"], {})
    keys = FIXED_KEYS if "tasks" not in data else (*FIXED_KEYS, *FIXED_OF_A_MIX)
    for key in keys:
        own = own_file.get(key)
        taken = f"${{data.{key}}}" in str(node)
        if key == "label_names" and "label_encoding" in node:
            taken = False  # names go by their position: in another order they would swap what the rows mean
        if not taken and data[key] != own:
            raise UserError(
                f"data.{key}={data[key]}: data={data['name']} from source {data['source']} has a fixed {key}, {own}; "
                "choices: leave it out, or data=custom for a table of your own"
            )


def task_record(task: str, source: str, folder: str | None, asked: str = "data.tasks") -> dict[str, Any]:
    """One task's record; see ``task_records``.

    Args:
        task: its name.
        source: ``own`` or a source.
        folder: ``data.dir``.
        asked: the key that names it, for messages.
    """
    known = [name for name in choices("data") if name not in ("mix", "custom")]
    if task not in known:
        nearest = difflib.get_close_matches(task, known, 1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"choices: {', '.join(known)}"
        raise UserError(f"{asked}: there is no task {task}; {hint}")
    record: Any = OmegaConf.merge({"source": "hub", "dir": folder, "rows": {}}, written("data", task))
    if source != "own":
        record.source = next((own for own in FILES if own in record.sources), source) if source in FILES else source
    if record.source not in record.sources:
        raise UserError(f"data.source={source}: {task} can be read from {', '.join(record.sources)}")
    record.sources = {record.source: record.sources[record.source]}
    found: Any = OmegaConf.to_container(OmegaConf.create({"data": record}), resolve=True)
    return found["data"]
