"""Writing a run's record, ``result.json``, and what goes with it, as ``history.jsonl``, while the run goes on."""

import contextlib
import json
import logging
import math
import os
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from omegaconf import DictConfig

from src.runs.environment import environment
from src.runs.fields import fields_of
from src.runs.identity import identity, relevant
from src.runs.layout import DESCRIPTION, TENSORS, RunFolder
from src.runs.reading import read_record, unchecked_record
from src.runs.run_record import SCHEMA_VERSION, RunRecord
from src.runs.seal import SEAL, make_seal
from src.utils import fence
from src.utils.errors import UserError
from src.utils.fence import LostLockError
from src.utils.files import append_line, remove_unfinished, write_whole
from src.utils.places import UnwritableError, make_folder
from src.utils.plain import plain
from src.utils.redact import redacted, scrubbed
from src.utils.reserve import Reserve

if TYPE_CHECKING:
    from src.runs.before import Before

log = logging.getLogger(__name__)


class Record:
    """The record of one run, in the run's own folder; a context manager around the run.

    On entering, ``result.json`` says ``running``; on leaving ``ok``, ``interrupted`` after Ctrl-C or SIGTERM, or
    ``failed`` after an exception, with its type, message and traceback. It is always written whole. In a distributed
    run only the first process writes.

    Args:
        folder: the run's.
        cfg: the composed config.
        before: the folder as it was: a mistake of the user's that is told before training leaves it so, and no record.
    """

    def __init__(self, folder: Path, cfg: DictConfig, before: "Before | None" = None) -> None:
        self.folder, self.own, self.before = folder, RunFolder(folder), before
        self.reserve = Reserve(folder)
        self.began = False  # whether training did
        self.writes = fence.writes()
        config = plain(cfg)
        self.fields: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "status": "running",
            "error": None,
            "method": config["model"]["recorded_as"],
            "backbone": config["backbone"]["name"],
            "data": config["data"]["name"],
            "seed": config["seed"],
            "selection": config["training"].get("selection"),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            **_identity(config),
        }

    def __enter__(self) -> Self:
        make_folder(self.folder)
        if self.writes:
            remove_unfinished(self.folder)
            self.reserve.take()
        try:
            self.update()
        except BaseException as error:
            self.reserve.free()
            if isinstance(error, UnwritableError):  # it may stand there all the same, and not be certain to stay
                self._leave_as_before(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reserve.free()  # the last word may need it
        if error is None:
            try:
                self._seal()
            except UnwritableError as refused:
                self._end_badly(refused)
                raise
            if self.writes:
                with suppress(OSError):  # a checkpoint that is left is not gone on with
                    self.own.checkpoint.unlink(missing_ok=True)
        elif isinstance(error, LostLockError):
            return  # what the folder's new owner writes there stays
        elif isinstance(error, UserError) and not self.began and self.before is not None:
            self._leave_as_before(error)
        else:
            self._end_badly(error)

    def _leave_as_before(self, error: BaseException) -> None:
        """Take back what the run wrote; where the disk refuses that, too, its record says how it ended."""
        if self.writes:
            if self.before is not None:
                self.before.restore()
            if self._is_left():
                self._end_badly(error)

    def _seal(self) -> None:
        """Say that the run is finished, with the hashes by which a later change of its files is found."""
        self.fields |= {"status": "ok"}
        if self.writes:
            self.fields[SEAL] = make_seal(self.folder, as_written(self.fields))
        self.update()

    def _is_left(self) -> bool:
        """Whether this run's record, which should be gone, still is in the folder: the disk refused that, too."""
        found = unchecked_record(self.folder)
        return found.status == "running" and found.started == self.fields["started"]

    def _end_badly(self, error: BaseException) -> None:
        message = str(error) or type(error).__name__
        text = "".join(traceback.format_exception(error))
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        try:
            self.update(status=status, error={"type": type(error).__name__, "message": message, "traceback": text})
        except (UnwritableError, LostLockError) as refused:  # what ended the run is said, not what came after it
            log.error("the record cannot say that the run is %s: %s", status, refused)

    def identify(self, cfg: DictConfig) -> None:
        """Record the identity of the config as it is run, and the budget that it keeps."""
        config = plain(cfg)
        budget = config["budget"] if config["budget"].get("size") is not None else None
        self.update(budget=budget, **_identity(config))

    def describe_environment(self) -> None:
        """Add versions, commit and hardware."""
        self.update(**environment())

    def update(self, **fields: object) -> None:
        """Add fields and write ``result.json`` anew; a field keeps the place that it was first written at."""
        self.fields |= fields
        if self.writes:
            write_record(self.folder, self.fields)

    def history_size(self) -> int:
        """Bytes of ``history.jsonl`` so far."""
        path = self.own.history
        return path.stat().st_size if path.exists() else 0

    def start_over(self, history_size: int = 0) -> None:
        """Training begins: drop what an earlier try left in the folder, all but the first bytes of its history.

        Of the adapter's folder only the files that a run writes go; the folder itself, if nothing else is in it.
        """
        self.began = True
        if not self.writes:
            return
        fence.check(self.own.result)
        adapter = self.own.adapter
        for path in (self.own.predictions, adapter / TENSORS, adapter / DESCRIPTION):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            adapter.rmdir()
        if self.history_size() > history_size:
            os.truncate(self.own.history, history_size)

    def log(self, **line: object) -> None:
        """Append one line to ``history.jsonl``."""
        if self.writes:
            append_line(self.own.history, json.dumps(redacted(jsonable(line))))

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run's folder, whole or not at all."""
        if self.writes:
            write_whole(self.folder / name, scrubbed(text))


def write_record(folder: Path, fields: Mapping[str, object]) -> None:
    """Write a run's record, whole or not at all; raises TypeError for a field that no record has."""
    if unknown := fields.keys() - fields_of(RunRecord).keys():
        raise TypeError(f"a run's record has no field {', '.join(sorted(unknown))}")
    write_json(RunFolder(folder).result, fields)


def write_killed(folder: Path, reason: str) -> None:
    """Write the end into the record of a run whose process could not, if none stands there. Its lock has to be held."""
    record = read_record(folder)
    if record.status == "running":
        error = {"type": "Killed", "message": reason, "traceback": None}
        write_json(RunFolder(folder).result, {**record.content, "status": "failed", "error": error})


def write_json(path: Path, fields: Mapping[str, object]) -> None:
    """Write plain values as JSON, whole or not at all; a secret is ``***``, also in a message or a traceback."""
    write_whole(path, json.dumps(as_written(fields), indent=2) + "\n", durable=True)


def as_written(fields: Mapping[str, object]) -> dict[str, object]:
    """Plain values as a file holds them."""
    return redacted(jsonable(dict(fields)))


def _identity(config: dict[str, Any]) -> dict[str, object]:
    same = identity(config)
    return {"config_hash": same["config"], "identity": same, "config": relevant(config)}


def jsonable(value: object) -> object:
    """Plain JSON values; a NaN or an infinity, which JSON has no word for, becomes null."""
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
