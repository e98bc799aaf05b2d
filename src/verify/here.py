"""What is another thing here than where a run was made: packages, commit, code, machine, data, backbone."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from src.runs.environment import environment
from src.runs.run_record import RunRecord
from src.utils.text import printable

MACHINE = ("machine", "system", "cpu", "cpu_cores", "memory_mb")
SHORT = 12  # letters of a commit or a hash


def differences(record: RunRecord, here: Mapping[str, str] | None) -> Iterator[str]:
    """Each difference as a line, ``torch 2.9.0 there, 2.11.0 here``.

    Args:
        record: a run's.
        here: the identity that its config has here, see ``src.runs.identity``; None where it cannot be composed.
    """
    now = _here()
    for package, version in record.versions.items():
        if version != now["versions"].get(package):
            yield _line(package, version, now["versions"].get(package))
    git = record.git
    same_code = here is not None and record.identity.get("code") == here["code"]
    if git.commit and git.commit != now["git"]["commit"]:
        known = ", and the code that numbers depend on is the same" if same_code else ""
        yield _line("commit", git.commit[:SHORT], (now["git"]["commit"] or "none")[:SHORT]) + known
    if git.dirty and not same_code:
        yield "its code was changed and not committed there"
    for key in MACHINE:
        if key in record.hardware and record.hardware[key] != now["hardware"][key]:
            yield _line(key.replace("_", " "), record.hardware[key], now["hardware"][key])
    yield from _identity(record, here)


def _identity(record: RunRecord, here: Mapping[str, str] | None) -> Iterator[str]:
    """The parts of its identity that have another hash here."""
    words = {
        "data": "the data's files or settings", "backbone": "the backbone", "code": "the code that numbers depend on",
        "config": "what the same settings compose to", "start": "the run that it starts from",
    }  # fmt: skip
    for part, value in record.identity.items():
        if here is not None and part in words and here.get(part) != value:
            there, now = printable(value)[:SHORT], here.get(part, "none")[:SHORT]
            yield f"{words[part]}: another hash ({there} there, {now} here)"


@functools.cache
def _here() -> dict[str, Any]:
    return environment()


def _line(what: str, there: Any, here: Any) -> str:
    return f"{printable(str(what))[:80]} {printable(str(there))[:80]} there, {'none' if here is None else here} here"
