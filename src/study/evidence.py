"""What a study has found so far, in its folder: the runs that count, and each look's findings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from src.config.rules import check_rule
from src.runs.record import write_json
from src.study.laps import Lap
from src.study.looks import Finding
from src.study.study_folder import LOOKS
from src.utils.errors import UserError
from src.utils.foreign import read_json

SCHEMA = 1
LARGEST = 2**26  # bytes
RULES = {
    "schema_version": str(SCHEMA),
    "runs": "map[str]",
    "chosen": "map[list[str]]",
    "laps": "map[map]",
    "looks": "list[map]",
}
LAP = {"score": "float | null", "dropped": "str | null"}
FINDING = {
    "task": "str",
    "method": "str",
    "seeds": "int >= 0",
    "verdict": "better | worse | equivalent | undecided",
    "stopped": "str | null",
    "look": "int >= 1",
    "difference": "list[float] | null",
}


@dataclass(frozen=True)
class Evidence:
    """What has run and been looked at.

    Attributes:
        runs: the arm's name by the name of each run's folder.
        looks: what each look has found, by the arm's name.
        chosen: the overrides that the tuning has set, by the arm's name.
        laps: what each arm has shown in the race, if there was one.
    """

    runs: Mapping[str, str]
    looks: Sequence[Mapping[str, Finding]]
    chosen: Mapping[str, Sequence[str]]
    laps: Mapping[str, Lap] = field(default_factory=dict)

    @property
    def findings(self) -> Mapping[str, Finding]:
        """Those of the last look."""
        return self.looks[-1] if self.looks else {}


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """Write it whole; what was there is replaced."""
    looks = [{name: finding.as_dict() for name, finding in look.items()} for look in evidence.looks]
    laps = {name: asdict(lap) for name, lap in evidence.laps.items()}
    body = {
        "schema_version": SCHEMA,
        "runs": evidence.runs,
        "chosen": evidence.chosen,
        "laps": laps,
        "looks": looks,
    }
    write_json(folder / LOOKS, body)


def read_evidence(folder: Path) -> Evidence:
    """The evidence in a study's folder, which may be a stranger's.

    Raises:
        UserError: if there is none, or it breaks its schema.
    """
    file = folder / LOOKS
    if not file.exists():
        raise UserError(f"{folder}: nothing of this study has been looked at yet; python -m src study runs it")
    fields = read_json(file, LARGEST)
    _check(file, fields, RULES)
    if wrong := [name for name in fields["runs"] if Path(name).name != name or name in ("", ".", "..")]:
        raise UserError(f"{file} is not what a study writes: {wrong[0]!r} is no name of a run's folder")
    looks = [{name: _finding(file, found) for name, found in look.items()} for look in fields["looks"]]
    for lap in fields["laps"].values():
        _check(file, lap, LAP)
    laps = {name: Lap(lap["score"], lap["dropped"]) for name, lap in fields["laps"].items()}
    return Evidence(fields["runs"], looks, fields["chosen"], laps)


def _finding(file: Path, fields: Any) -> Finding:
    _check(file, fields, FINDING)
    gap = fields["difference"]
    if gap is not None and len(gap) != 4:
        raise UserError(f"{file} is not what a study writes: a difference has 4 numbers")
    return Finding(**{key: fields[key] for key in FINDING} | {"difference": None if gap is None else tuple(gap)})


def _check(file: Path, fields: Any, rules: Mapping[str, str]) -> None:
    if not isinstance(fields, dict):
        raise UserError(f"{file} is not what a study writes")
    if wrong := [key for key, rule in rules.items() if not check_rule(fields.get(key), rule)]:
        raise UserError(f"{file} is not what a study writes: {wrong[0]} breaks the rule: {rules[wrong[0]]}")
