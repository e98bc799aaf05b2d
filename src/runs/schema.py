"""What a run's files may hold: its record by the rules of ``src.runs.run_record``, its history's lines by those here.

All that read a run (sweep, compare, tune, analyze, deploy) do so by these tables, so that a field which is none is
named once, when it is read, and nothing later has to expect it. Fields that no table names may hold anything.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from src.config.rules import check_rule, show
from src.runs.fields import AMOUNT, COUNT, NAME, OPTIONAL, SCORE, rules_of
from src.runs.run_record import SCHEMA_VERSION, STATUSES, RunRecord
from src.utils.strict_json import read_json

RECORD = rules_of(RunRecord)
NAMED = "a line of 1 to 200 printable characters"  # the rule NAME in words
LARGEST_NAME = 200
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


def parse_record(content: bytes) -> RunRecord:
    """The record that a ``result.json`` holds; raises `RecordError`."""
    try:
        record = read_json(content)
    except ValueError as error:
        raise RecordError(f"unreadable: {error}") from None
    return checked_record(record)


def checked_record(record: object) -> RunRecord:
    """The record that plain values are; raises `RecordError` unless every field keeps its rule."""
    if not isinstance(record, dict):
        raise RecordError("unreadable: not a record")
    _check(record)
    return RunRecord.of(record)


def lenient_record(content: Mapping[str, object]) -> RunRecord:
    """The record that plain values are, without those that break their rules; ``content`` still has them."""
    sound: dict[str, object] = dict(content)
    for key, rule in RECORD.items():
        sound = _without_broken(sound, key.split("."), rule)
    return dataclasses.replace(RunRecord.of(sound), content=content)


def _without_broken(node: Any, keys: list[str], rule: str) -> Any:
    """A copy of nested maps without the values under a dotted key that do not keep a rule."""
    if not isinstance(node, dict):
        return node
    found = dict(node)
    for name in list(node) if keys[0] == "*" else [keys[0]] if keys[0] in node else []:
        if len(keys) > 1:
            found[name] = _without_broken(node[name], keys[1:], rule)
        elif _broken(name, node[name], rule) is not None:
            del found[name]
    return found


def _check(record: dict[str, Any]) -> None:
    status = record.get("status") if record.get("status") in STATUSES else None
    version = record.get("schema_version")
    if check_rule(version, f"int > {SCHEMA_VERSION}"):
        raise RecordError(f"schema version {version} is not {SCHEMA_VERSION}: made by a newer program", status)
    for key, rule in RECORD.items():
        for path, value in _select(record, key.split(".")):
            metric = record["primary_metric"].get("name") if path == "primary_metric.value" else None
            if problem := _broken(path, value, rule, metric):
                raise RecordError(f"unreadable: {problem}", status)


def check_comparable(record: RunRecord) -> str | None:
    """What of a sound record keeps a finished run with a score out of a comparison; None if nothing does."""
    missing = (f"{key} is missing" for key in NEEDED if not _is_there(record.content, key))
    problem = next(missing, None) or next(_contradictions(record), None)
    return problem and f"unreadable: {problem}"


def check_line(line: object, whole: bool = True) -> str | None:
    """What is wrong with a line of a history; None if nothing is. Unless ``whole`` is asked for, a field may lack."""
    if not isinstance(line, dict):
        return "no JSON object"
    needed = NEEDED_OF_LINE.get(line["event"], ()) if isinstance(line.get("event"), str) else ("event",)
    missing = (f"{key} is missing" for key in needed if whole and line.get(key) is None)
    wrong = (_broken(key, value, LINE.get(key, LINE["*"])) for key, value in line.items())
    return next((problem for problem in (*missing, *wrong) if problem), None)


def _is_there(record: Mapping[str, object], key: str) -> bool:
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


def _contradictions(record: RunRecord) -> Iterator[str]:
    params = record.params
    parts = params.adapter + params.router + params.head
    if parts != params.trainable:
        yield f"params.trainable={params.trainable} is not adapter + router + head, which are {parts}"
    if not 0 < params.total >= params.trainable:
        yield f"params.total={params.total} breaks the rule: at least 1, and at least params.trainable"
    primary, selected = record.primary_metric, record.scores()
    name, value = primary.name, primary.value
    if value is not None and name in selected and not _same(selected[name], value):
        yield f"primary_metric.value={_short(value)} is not metrics.selected.{name}={_short(selected[name])}"


def _same(one: float | None, other: float) -> bool:
    return one is not None and abs(one - other) <= 1e-9 * max(1.0, abs(other))
