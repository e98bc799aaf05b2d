"""The run's record: ``result.json``, ``history.jsonl``, ``predictions.parquet``."""

import contextlib
import json
import logging
import math
import os
import platform
import subprocess
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from omegaconf import DictConfig, OmegaConf

from src.runs.identity import identity, relevant
from src.runs.layout import ADAPTER, CHECKPOINT, DESCRIPTION, HISTORY, PREDICTIONS, RESULT, TENSORS
from src.runs.schema import SCHEMA_VERSION
from src.runs.seal import SEAL, make_seal
from src.utils import fence
from src.utils.errors import UserError
from src.utils.fence import LostLockError
from src.utils.files import append_line, read_regular, remove_unfinished, write_whole
from src.utils.places import UnwritableError, make_folder
from src.utils.redact import redacted, scrubbed
from src.utils.reserve import Reserve

if TYPE_CHECKING:
    from src.runs.before import Before

log = logging.getLogger(__name__)

LONGEST = 2**26  # bytes of a record that are read; ours have some thousands
PACKAGES = ("torch", "transformers", "datasets", "evaluate", "hydra-core", "accelerate", "numpy", "scikit-learn")


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
        self.folder, self.before = folder, before
        self.reserve = Reserve(folder)
        self.began = False  # whether training did
        self.writes = fence.writes()
        config: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
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
        except BaseException:
            self.reserve.free()
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
                    (self.folder / CHECKPOINT).unlink(missing_ok=True)
        elif isinstance(error, LostLockError):
            return  # what the folder's new owner writes there stays
        elif isinstance(error, UserError) and not self.began and self.before is not None:
            if self.writes:
                self.before.restore()
                if self._is_left():
                    self._end_badly(error)
        else:
            self._end_badly(error)

    def _seal(self) -> None:
        """Say that the run is finished, with the hashes by which a later change of its files is found."""
        self.fields |= {"status": "ok"}
        if self.writes:
            self.fields[SEAL] = make_seal(self.folder, redacted(jsonable(self.fields)))
        self.update()

    def _is_left(self) -> bool:
        """Whether this run's record, which should be gone, still is in the folder: the disk refused that, too."""
        try:
            found = json.loads((self.folder / RESULT).read_text(encoding="utf-8"))
            return bool(found["status"] == "running" and found["started"] == self.fields["started"])
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return False

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
        config: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
        budget = config["budget"] if config["budget"].get("size") is not None else None
        self.update(budget=budget, **_identity(config))

    def describe_environment(self) -> None:
        """Add versions, commit and hardware."""
        self.update(**environment())

    def update(self, **fields: Any) -> None:
        """Add fields and write ``result.json`` anew."""
        self.fields |= fields
        if self.writes:
            write_json(self.folder / RESULT, self.fields)

    def history_size(self) -> int:
        """Bytes of ``history.jsonl`` so far."""
        path = self.folder / HISTORY
        return path.stat().st_size if path.exists() else 0

    def start_over(self, history_size: int = 0) -> None:
        """Training begins: drop what an earlier try left in the folder, all but the first bytes of its history.

        Of the adapter's folder only the files that a run writes go; the folder itself, if nothing else is in it.
        """
        self.began = True
        if not self.writes:
            return
        fence.check(self.folder / RESULT)
        adapter = self.folder / ADAPTER
        for path in (self.folder / PREDICTIONS, adapter / TENSORS, adapter / DESCRIPTION):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            adapter.rmdir()
        if self.history_size() > history_size:
            os.truncate(self.folder / HISTORY, history_size)

    def log(self, **line: Any) -> None:
        """Append one line to ``history.jsonl``."""
        if self.writes:
            append_line(self.folder / HISTORY, json.dumps(redacted(jsonable(line))))

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run's folder, whole or not at all."""
        if self.writes:
            write_whole(self.folder / name, scrubbed(text))


def environment() -> dict[str, Any]:
    """Versions, commit and hardware."""
    return {"versions": _versions(), "git": _git(), "hardware": _hardware()}


def unchecked_record(folder: Path) -> dict[str, Any]:
    """What ``result.json`` says, whether it can be true or not: enough to see whose folder it is.

    Empty if there is none that can be read; ``load_record`` checks it.
    """
    try:
        record = json.loads(read_regular(folder / RESULT, LONGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def score(record: Mapping[str, Any]) -> float | None:
    """The value of a record's primary metric; None if it has none."""
    metric = record.get("primary_metric")
    value = metric.get("value") if isinstance(metric, dict) else None
    return float(value) if isinstance(value, int | float) else None


def write_json(path: Path, fields: Mapping[str, Any]) -> None:
    """Write a record as JSON, whole or not at all; a secret is ``***``, also in a message or a traceback."""
    write_whole(path, json.dumps(redacted(jsonable(dict(fields))), indent=2) + "\n", durable=True)


def _identity(config: dict[str, Any]) -> dict[str, Any]:
    same = identity(config)
    return {"config_hash": same["config"], "identity": same, "config": relevant(config)}


def jsonable(value: Any) -> Any:
    """Plain JSON values; a NaN or an infinity, which JSON has no word for, becomes null."""
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def _git() -> dict[str, Any]:
    def git(*arguments: str) -> str | None:
        try:
            command = ["git", "-C", str(Path(__file__).parent), *arguments]
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return None

    status = git("status", "--porcelain")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def _hardware() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cpu": _cpu_name(),
        "cpu_cores": os.cpu_count(),
        "memory_mb": memory and memory // 2**20,
        "device": None,
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
