"""The plan of a study, written down before its first run: what was going to be done, so that a reader sees what was."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from src.config.rules import check_rule
from src.runs.record import environment, write_json
from src.study.arms import StudyArm
from src.study.question import Question, parse_question
from src.utils.errors import UserError
from src.utils.foreign import read_json

FILE = "plan.json"
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
        code: version of the code that numbers depend on.
        versions: of the packages.
        differs: what differs here and now from what was locked, a sentence each.
    """

    question: Question
    made: str
    hash: str
    code: str
    versions: Mapping[str, Any]
    differs: tuple[str, ...] = ()


def lock(folder: Path, question: Question, arms: Sequence[StudyArm]) -> Plan:
    """Write the plan into the study's folder, or find it there.

    Raises:
        UserError: if the folder holds the plan of another study.
        UnwritableError: if it cannot be written.
    """
    code, versions = arms[0].identity["code"], environment()
    if not (folder / FILE).exists():
        fields = {
            "schema_version": SCHEMA,
            "name": question.name,
            "study": question.as_dict(),
            "hash": plan_hash(question, arms),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "code": code,
            "arms": {arm.name: arm.identity for arm in arms},
            "environment": versions,
        }
        write_json(folder / FILE, fields)
    plan = read_plan(folder)
    if plan.hash != plan_hash(question, arms):
        raise UserError(
            f"{folder} holds the plan of another study ({_difference(plan.question, question)}): a plan that was "
            "locked is not changed; sweep.dir=FOLDER names another folder for this one"
        )
    differs = [f"the code is {code}, and was {plan.code}"] if code != plan.code else []
    now: Any = versions["versions"]
    differs += [
        f"{name} is {now.get(name)}, and was {was}" for name, was in plan.versions.items() if now.get(name) != was
    ]
    return Plan(plan.question, plan.made, plan.hash, plan.code, plan.versions, tuple(differs))


def read_plan(folder: Path) -> Plan:
    """The plan in a study's folder, which may be a stranger's.

    Raises:
        UserError: if there is none, or it breaks its schema.
    """
    file = folder / FILE
    fields = read_json(file, LARGEST)
    if wrong := [key for key, rule in RULES.items() if not check_rule(fields.get(key), rule)]:
        raise UserError(f"{file} is no plan of a study: {wrong[0]} breaks the rule: {RULES[wrong[0]]}")
    question = parse_question(fields["name"], fields["study"], str(file))
    versions = fields["environment"].get("versions")
    return Plan(
        question, fields["made"], fields["hash"], fields["code"], versions if isinstance(versions, dict) else {}
    )


def plan_hash(question: Question, arms: Sequence[StudyArm]) -> str:
    """Of the question, and of what its arms are made of."""
    made_of = {arm.name: {part: arm.identity[part] for part in FIXED} for arm in arms}
    return hashlib.sha256(json.dumps([question.as_dict(), made_of], sort_keys=True).encode()).hexdigest()[:16]


def _difference(locked: Question, asked: Question) -> str:
    before, now = locked.as_dict(), asked.as_dict()
    keys = [key for key in before if before[key] != now[key]]
    return f"other {', '.join(keys)}" if keys else "other configs, data or backbone behind the same words"
