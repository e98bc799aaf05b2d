"""The plan of a study, written down before its first run: what was going to be done, so that a reader sees what was."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from src.config.rules import check_rule
from src.runs.environment import environment
from src.runs.identity import code_version
from src.runs.record import write_json
from src.study.question import Question, parse_question
from src.study.study_arms import StudyArm
from src.study.study_folder import PLAN
from src.utils.errors import UserError
from src.utils.foreign import read_json

SCHEMA = 1
LARGEST = 2**24  # bytes
FIXED = ("config", "data", "backbone")  # of an arm's identity: what no run of a study may leave
RULES = {
    "schema_version": str(SCHEMA),
    "name": "str",
    "study": "map",
    "hash": "str",
    "made": "str",
    "code": "str",
    "arms": "map[map]",
    "environment": "map",
}


@dataclass(frozen=True)
class Plan:
    """A study's plan as it was locked.

    Attributes:
        made: when, in UTC.
        hash: of the question and of every arm's config, data and backbone.
        differs: what differs here and now from what was locked, a sentence each.
    """

    question: Question
    made: str
    hash: str
    differs: tuple[str, ...] = ()


def lock(folder: Path, question: Question, arms: Sequence[StudyArm]) -> Plan:
    """Write the plan into the study's folder, or find it there.

    Raises:
        UserError: if the folder holds the plan of another study.
        UnwritableError: if it cannot be written.
    """
    if not (folder / PLAN).exists():
        fields = {
            "schema_version": SCHEMA,
            "name": question.name,
            "study": question.as_dict(),
            "hash": plan_hash(question, arms),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "code": code_version(),
            "arms": {arm.name: arm.identity for arm in arms},
            "environment": environment(),
        }
        write_json(folder / PLAN, fields)
    plan = read_plan(folder)
    if plan.hash != plan_hash(question, arms):
        raise UserError(
            f"{folder} holds the plan of another study ({_difference(plan.question, question)}): a plan that was "
            "locked is not changed; sweep.dir=FOLDER names another folder for this one"
        )
    return plan


def read_plan(folder: Path) -> Plan:
    """The plan in a study's folder, which may be a stranger's.

    Raises:
        UserError: if there is none, or it breaks its schema.
    """
    fields = _read(folder)
    question = parse_question(fields["name"], fields["study"], str(folder / PLAN))
    differs = tuple(_differs(fields["code"], fields["environment"].get("versions")))
    return Plan(question, fields["made"], fields["hash"], differs)


def _read(folder: Path) -> Any:
    file = folder / PLAN
    fields = read_json(file, LARGEST)
    if wrong := [key for key, rule in RULES.items() if not check_rule(fields.get(key), rule)]:
        raise UserError(f"{file} is no plan of a study: {wrong[0]} breaks the rule: {RULES[wrong[0]]}")
    return fields


def hashes_of(folder: Path) -> tuple[str, str]:
    """The hash that a plan says it has, and the one of what stands in it.

    Raises:
        UserError: if there is no plan, or it breaks its schema.
    """
    fields = _read(folder)
    return fields["hash"], _hash(fields["study"], fields["arms"])


def planned_parts(folder: Path) -> dict[str, dict[str, str]]:
    """The hashes of config, data and backbone of each arm of a plan; raises as ``read_plan`` does."""
    return dict(_read(folder)["arms"])


def _differs(code: str, versions: Any) -> Iterator[str]:
    """What is another thing here and now than where the plan was locked."""
    if code != code_version():
        yield f"the code is {code_version()}, and was {code}"
    here: Any = environment()["versions"]
    for name, was in versions.items() if isinstance(versions, dict) else ():
        if here.get(name) != was:
            yield f"{name} is {here.get(name)}, and was {was}"


def plan_hash(question: Question, arms: Sequence[StudyArm]) -> str:
    """Of the question, and of what its arms are made of."""
    return _hash(question.as_dict(), {arm.name: arm.identity for arm in arms})


def _hash(question: Mapping[str, Any], identities: Mapping[str, Mapping[str, str]]) -> str:
    made_of = {name: {part: own.get(part) for part in FIXED} for name, own in identities.items()}
    return hashlib.sha256(json.dumps([question, made_of], sort_keys=True).encode()).hexdigest()[:16]


def _difference(locked: Question, asked: Question) -> str:
    before, now = locked.as_dict(), asked.as_dict()
    keys = [key for key in before if before[key] != now[key]]
    return f"other {', '.join(keys)}" if keys else "other configs, data or backbone behind the same words"
