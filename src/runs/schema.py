"""What a run's files hold: every field of its record, its history's lines and its predictions, with type and range.

All that read a run (sweep, compare, tune, analyze, deploy) do so by these tables, so that a field which is none is
named once, when it is read, and nothing later has to expect it. Fields that no table names may hold anything.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from src.config.rules import check_rule, show
from src.utils.strict_json import read_json

SCHEMA_VERSION = 1
STATUSES = ("running", "ok", "failed", "interrupted")

# Rules are those of the config (src.config.rules), and two more:
NAME = "name"  # what labels, headings and files are made of
NAMED = "a line of 1 to 200 printable characters"
SCORE = "score"  # a metric's value, by its own range; null for one that had none
LARGEST_NAME = 200

COUNT, OPTIONAL_COUNT = "0 <= int <= 1e15", "0 <= int <= 1e15 | null"
AMOUNT = "0 <= float <= 1e15 | null"
OPTIONAL = "str | null"
RATE = "float >= 0 | null"

# By dotted key, a field before what it contains; ``*`` is any key.
RECORD: dict[str, str] = {
    "schema_version": "int >= 1",
    "status": " | ".join(STATUSES),
    "error": "map | null",
    "error.type": OPTIONAL,
    "error.message": OPTIONAL,
    "error.traceback": OPTIONAL,
    "method": NAME,
    "backbone": NAME,
    "data": f"{NAME} | null",
    "seed": "int >= 0",
    "selection": OPTIONAL,
    "started": OPTIONAL,
    "config_hash": OPTIONAL,
    "identity": "map[str] | null",
    "config": "map | null",
    "config.model": "map | null",
    "config.model.name": f"{NAME} | null",
    "config.model.adapter": "map | null",
    "config.model.learning_rate": RATE,
    "config.backbone": "map | null",
    "config.backbone.name": f"{NAME} | null",
    "config.data": "map | null",
    "config.data.name": f"{NAME} | null",
    "config.training": "map | null",
    "config.training.learning_rate": RATE,
    "config.training.max_steps": "int | null",
    "config.training.num_train_epochs": AMOUNT,
    "budget": "map | null",
    "init_from": "map | null",
    "init_from.run": OPTIONAL,
    "imported_from": OPTIONAL,
    "versions": "map | null",
    "git": "map | null",
    "git.commit": OPTIONAL,
    "hardware": "map | null",
    "params": "map | null",
    "params.*": COUNT,
    "adapted_modules": "list[str] | null",
    "adapter_config": "map | null",
    "adapter_bytes": OPTIONAL_COUNT,
    "training": "map | null",
    "training.learning_rate": RATE,
    "training.max_steps": "int | null",
    "training.num_train_epochs": AMOUNT,
    "training.per_device_train_batch_size": "1 <= int <= 1e9 | null",
    "training.gradient_accumulation_steps": "1 <= int <= 1e9 | null",
    "training.precision": "fp32 | bf16 | fp16 | null",
    "max_length": "1 <= int <= 1e15 | null",
    "processes": "1 <= int <= 1e9 | null",
    "text": "list[str] | null",
    "tasks": "list[str] | null",
    "rows": "map | null",
    "rows.*": COUNT,
    "data_fingerprint": OPTIONAL,
    "backbone_fingerprint": OPTIONAL,
    "batches_fingerprint": OPTIONAL,
    "packed": "map | null",
    "packed.mode": OPTIONAL,
    "memory": "map | null",
    "memory.*": AMOUNT,
    "time": "map | null",
    "time.*": AMOUNT,
    "metrics": "map | null",
    "metrics.*": "map | null",
    "metrics.*.*": SCORE,
    "epochs": "map | null",
    "epochs.*": AMOUNT,
    "primary_metric": "map | null",
    "primary_metric.name": NAME,
    "primary_metric.split": f"{NAME} | null",
    "primary_metric.value": SCORE,
    "flags": "list[str] | null",
    "seal": "map | null",
    "seal.record": OPTIONAL,
    "seal.files": "map[str] | null",
}
# What a comparison needs besides a score; others get by with less, as for an imported run.
NEEDED = (
    "schema_version", "method", "backbone", "data", "seed", "params.adapter", "params.router", "params.head",
    "params.trainable", "params.total", "time.train_s", "metrics.selected", "primary_metric.name",
)  # fmt: skip

LINE: dict[str, str] = {"event": "str", "step": COUNT, "epoch": AMOUNT, "split": OPTIONAL, "*": "str | float | null"}
NEEDED_OF_LINE = {
    "train": ("event", "step"), "eval": ("event", "step", "split"), "diagnostics": ("event", "step"),
}  # fmt: skip

# By metric (also as TASK/METRIC and METRIC/SPLIT), the lowest and the highest value; of the others any number will do.
RANGES = {
    **dict.fromkeys(("accuracy", "f1", "f1_macro", "f1_weighted", "precision", "recall"), (0.0, 1.0)),
    **dict.fromkeys(("matthews_correlation", "pearson", "spearmanr"), (-1.0, 1.0)),
    **dict.fromkeys(("mse", "mae"), (0.0, 1e99)),
}
ANY_SCORE = (-1e99, 1e99)  # whose squares are still numbers
ROUNDING = 1e-6  # by which arithmetic may leave a range


class RecordError(ValueError):
    """A record that cannot be used; the message names field, value and rule.

    Attributes:
        status: what the record says that became of its run, if that can be read at all: a finished run whose record is
            damaged is still no empty folder.
    """

    def __init__(self, message: str, status: str | None = None) -> None:
        super().__init__(message)
        self.status = status


def parse_record(content: bytes) -> dict[str, Any]:
    """The record that a ``result.json`` holds; raises `RecordError`."""
    try:
        record = read_json(content)
    except ValueError as error:
        raise RecordError(f"unreadable: {error}") from None
    check_record(record)
    return record


def check_record(record: Any) -> None:
    """Raise `RecordError` unless every field of a record that ``RECORD`` names is what it says."""
    if not isinstance(record, dict):
        raise RecordError("unreadable: not a record")
    status = record.get("status") if record.get("status") in STATUSES else None
    version = record.get("schema_version")
    if check_rule(version, f"int > {SCHEMA_VERSION}"):
        raise RecordError(f"schema version {version} is not {SCHEMA_VERSION}: made by a newer program", status)
    for key, rule in RECORD.items():
        for path, value in _select(record, key.split(".")):
            metric = record["primary_metric"].get("name") if path == "primary_metric.value" else None
            if problem := _broken(path, value, rule, metric):
                raise RecordError(f"unreadable: {problem}", status)


def check_comparable(record: Mapping[str, Any]) -> str | None:
    """What of a sound record keeps a finished run with a score out of a comparison; None if nothing does."""
    missing = (f"{key} is missing" for key in NEEDED if not _is_there(record, key))
    problem = next(missing, None) or next(_contradictions(record), None)
    return problem and f"unreadable: {problem}"


def check_line(line: Any, whole: bool = True) -> str | None:
    """What is wrong with a line of a history; None if nothing is. Unless ``whole`` is asked for, a field may lack."""
    if not isinstance(line, dict):
        return "no JSON object"
    needed = NEEDED_OF_LINE.get(line["event"], ()) if isinstance(line.get("event"), str) else ("event",)
    missing = (f"{key} is missing" for key in needed if whole and line.get(key) is None)
    wrong = (_broken(key, value, LINE.get(key, LINE["*"])) for key, value in line.items())
    return next((problem for problem in (*missing, *wrong) if problem), None)


def _is_there(record: Mapping[str, Any], key: str) -> bool:
    return any(value is not None for _, value in _select(record, key.split(".")))


def _select(node: Any, keys: list[str], path: str = "") -> Iterator[tuple[str, Any]]:
    """The values that a dotted key with ``*`` names, with the keys that it stands for."""
    if not keys:
        yield path[1:], node
        return
    if not isinstance(node, dict):
        return
    names = list(node) if keys[0] == "*" else [keys[0]] if keys[0] in node else []
    for name in names:
        yield from _select(node[name], keys[1:], f"{path}.{name}")


def _broken(path: str, value: Any, rule: str, metric: str | None = None) -> str | None:
    kept, said = _keeps(metric or path.rpartition(".")[2], value, rule)
    return None if kept else f"{path[:80]}={_short(value)} breaks the rule: {said}"


def _keeps(name: str, value: Any, rule: str) -> tuple[bool, str]:
    """Whether a field's value keeps the rule, and the rule in words."""
    kind, _, null = rule.partition(" | ")
    if kind == NAME:
        fits = isinstance(value, str) and 0 < len(value) <= LARGEST_NAME and value.isprintable()
        return fits or (null == "null" and value is None), NAMED + " | null" * bool(null)
    if rule == SCORE:
        low, high = next((RANGES[part] for part in name.split("/") if part in RANGES), ANY_SCORE)
        fits = value is None or (check_rule(value, "float") and low - ROUNDING <= value <= high + ROUNDING)
        return fits, f"{low:g} <= float <= {high:g} | null"
    return check_rule(value, rule), rule


def _short(value: Any) -> str:
    text = show(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _contradictions(record: Mapping[str, Any]) -> Iterator[str]:
    params = record["params"]
    parts = params["adapter"] + params["router"] + params["head"]
    if parts != params["trainable"]:
        yield f"params.trainable={params['trainable']} is not adapter + router + head, which are {parts}"
    if not 0 < params["total"] >= params["trainable"]:
        yield f"params.total={params['total']} breaks the rule: at least 1, and at least params.trainable"
    primary = record.get("primary_metric") or {}
    selected = (record.get("metrics") or {}).get("selected") or {}
    name, value = primary.get("name"), primary.get("value")
    if value is not None and name in selected and not _same(selected[name], value):
        yield f"primary_metric.value={_short(value)} is not metrics.selected.{name}={_short(selected[name])}"


def _same(one: float | None, other: float) -> bool:
    return one is not None and abs(one - other) <= 1e-9 * max(1.0, abs(other))
