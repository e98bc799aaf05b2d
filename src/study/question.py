"""A study's question and its plan, as its YAML says them: what is compared, on what, how often, to settle what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from src.config.choices import choices
from src.config.overrides import prepare_override
from src.config.rules import broken, check_rule, unknown_key
from src.utils.errors import UserError
from src.utils.foreign import read_text
from src.utils.paths import CONF

FOLDER = CONF / "study"
LARGEST = 2**20  # bytes of a study's file
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")

# Every key of a study, its rule, and its value where the file leaves it out (``...``: it may not).
RULES: dict[str, tuple[str, Any]] = {
    "question": ("str", ...),
    "methods": ("list[str] | map[list[str]]", ...),
    "tasks": ("list[str] | map[list[str]]", ...),
    "settings": ("list[str]", []),
    "baseline": ("str", ...),
    "margin": ("float > 0", ...),
    "level": ("0 < float < 1", 0.05),
    "seeds": ("map", {}),
    "tuning": ("map", {}),
    "race": ("map", {}),
}
INNER: dict[str, dict[str, tuple[str, Any]]] = {
    "seeds": {"first": ("int >= 3", 3), "most": ("int >= 3", None), "step": ("int >= 1", 2)},
    "tuning": {
        "trials": ("int >= 0", 0),
        "sampler": ("random | tpe", "random"),
        "pruner": ("none | asha | median", "none"),
        "share": ("0 < float <= 1", 1.0),
        "space": ("list[str] | null", None),
    },
    "race": {"share": ("0 <= float < 1", 0.0), "most": ("int >= 1", 4)},
}
RESERVED = ("seed", "sweep", "hydra", "tune", "study", "watch", "on_conflict", "init_from")
GROUPS = {"methods": "model", "tasks": "data"}


@dataclass(frozen=True)
class Question:
    """A study before anything is known.

    Attributes:
        name: the study's.
        question: what it is to answer, in words.
        methods: the overrides that make each method, by its name.
        tasks: the overrides that make each task, by its name.
        settings: overrides of every run.
        baseline: the name of the method that differences are taken to.
        margin: differences up to it, in the metric's unit, do not matter.
        level: chance of a false claim in a task's whole table.
        looks: after how many seeds the evidence is looked at; the last is the most that a method gets.
        race: before all else each method trains once for ``share`` of its epochs; what is clearly behind on held-out
            rows is dropped, and of the rest ``most`` go on, with the baseline. A share of 0 is no race.
        tuning: ``trials`` for each method on each task (0: the settings as the configs have them), ``sampler``,
            ``pruner``; each trial trains for ``share`` of its epochs, and draws of a method's search space the names in
            ``space`` (None: all).
    """

    name: str
    question: str
    methods: dict[str, list[str]]
    tasks: dict[str, list[str]]
    settings: list[str]
    baseline: str
    margin: float
    level: float
    looks: tuple[int, ...]
    tuning: dict[str, Any] = field(default_factory=dict)
    race: dict[str, Any] = field(default_factory=dict)

    @property
    def trials(self) -> int:
        """Trials for each method on each task."""
        return int(self.tuning["trials"])

    def overrides(self, method: str, task: str) -> list[str]:
        """What makes the runs of a method on a task, but for what is tuned and the seed."""
        return [*self.settings, *self.tasks[task], *self.methods[method]]

    def with_settings(self, overrides: Sequence[str]) -> "Question":
        """The study with more overrides of every run; raises UserError for one that is none."""
        return replace(self, settings=[*self.settings, *(_override("settings", "", word) for word in overrides)])

    def as_dict(self) -> dict[str, object]:
        """As it is written down; ``parse_question`` reads it back."""
        first, most = self.looks[0], self.looks[-1]
        step = self.looks[1] - first if len(self.looks) > 1 else 1
        return {
            "question": self.question,
            "methods": self.methods,
            "tasks": self.tasks,
            "settings": self.settings,
            "baseline": self.baseline,
            "margin": self.margin,
            "level": self.level,
            "seeds": {"first": first, "most": most, "step": step},
            "tuning": self.tuning,
            "race": self.race,
        }


def load_question(name: str, changes: Sequence[str] = ()) -> Question:
    """Read a study of conf/study, or from a file.

    Args:
        name: of a file in conf/study, or the path of a YAML.
        changes: ``study.KEY=VALUE``, in place of what the file says.

    Raises:
        UserError: if there is no such study, or it breaks a rule.
    """
    file = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(choices("study"))
        raise UserError(f"study {name}: there is no such study; choices: {known}, or the path of a YAML file")
    try:
        node = OmegaConf.create(read_text(file, LARGEST))
        node = OmegaConf.merge(node, *(_change(change) for change in changes))
        plain = OmegaConf.to_container(node, resolve=True)
    except (OmegaConfBaseException, YAMLError, ValueError, TypeError) as error:
        raise UserError(f"{file} is no study: {' '.join(str(error).split())[:300]}") from error
    return parse_question(file.stem, plain, str(file))


def _change(text: str) -> Any:
    return OmegaConf.from_dotlist([text.removeprefix("study.")])


def parse_question(name: str, plain: object, where: str) -> Question:
    """Check what a study's file says.

    Args:
        name: the study's.
        plain: as plain containers; it may be a stranger's.
        where: the file, for messages.

    Raises:
        UserError: for the first thing that breaks a rule.
    """
    if not isinstance(plain, Mapping):
        raise UserError(f"{where} is no study: it has to be a map of {', '.join(RULES)}")
    try:
        values = _checked("study", plain, RULES)
        seeds = _checked("study.seeds", values["seeds"], INNER["seeds"])
        tuning = _checked("study.tuning", values["tuning"], INNER["tuning"])
        race = _checked("study.race", values["race"], INNER["race"])
        methods, tasks = _named("methods", values["methods"]), _named("tasks", values["tasks"])
        settings = [_override("settings", "", word) for word in values["settings"]]
        looks = _looks(**seeds)
        if values["baseline"] not in methods:
            raise UserError(f"study.baseline={values['baseline']} is none of the methods: {', '.join(methods)}")
        if len(methods) < 2:
            raise UserError("study.methods: a study compares two methods or more")
    except UserError as error:
        error.args = (f"{where}: {error}",)
        raise
    return Question(
        name=name,
        question=values["question"],
        methods=methods,
        tasks=tasks,
        settings=settings,
        baseline=values["baseline"],
        margin=float(values["margin"]),
        level=float(values["level"]),
        looks=looks,
        tuning=tuning,
        race=race,
    )


def _checked(path: str, node: Mapping[str, Any], rules: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """The node's values, with the defaults of those that it leaves out."""
    for key in node:
        if key not in rules:
            raise unknown_key(f"{path}.{key}", (f"{path}.{name}" for name in rules))
    found = {}
    for key, (rule, default) in rules.items():
        if key not in node:
            if default is ...:
                raise UserError(f"{path}.{key} is missing; rule: {rule}")
            found[key] = default
        elif not check_rule(node[key], rule):
            raise broken(f"{path}.{key}", node[key], rule)
        else:
            found[key] = node[key]
    return found


def _named(key: str, value: Any) -> dict[str, list[str]]:
    """The overrides by name: of a list of configs, ``model=CONFIG`` by the config's own name."""
    group = GROUPS[key]
    if isinstance(value, list):
        named = {name.removeprefix("roberta_") if group == "model" else name: [f"{group}={name}"] for name in value}
        if len(named) < len(value):
            raise UserError(f"study.{key}={value}: one is named twice")
    else:
        named = {str(name): [_override(key, str(name), word) for word in words] for name, words in value.items()}
    if not named:
        raise UserError(f"study.{key} is empty")
    if wrong := [name for name in named if not _NAME.fullmatch(name)]:
        raise UserError(f"study.{key}: {wrong[0]!r} is no name: letters, digits, '.', '_' and '-', at most 64")
    known = choices(group)
    for name, overrides in named.items():
        for override in overrides:
            chosen = override.partition("=")[2]
            if override.startswith(f"{group}=") and chosen not in known:
                raise UserError(f"study.{key}.{name}: {override}: there is no such choice; choices: {', '.join(known)}")
    return named


def _override(key: str, name: str, word: str) -> str:
    """An override of a study's runs as Hydra takes it: one value, of a key that is not the study's own affair."""
    where = f"study.{key}.{name}" if name else f"study.{key}"
    try:
        override = prepare_override(word)
        parsed = OverridesParser.create().parse_overrides([override])[0]
    except (UserError, HydraException) as error:
        raise UserError(f"{where}: {str(error).partition(chr(10))[0]}") from error
    if parsed.is_sweep_override():
        raise UserError(f"{where}: {word}: one value for each key; what is compared are the methods and tasks")
    if str(parsed.key_or_group).partition(".")[0] in RESERVED:
        raise UserError(f"{where}: {word}: a study sets this itself; it is no override of its runs")
    return override


def _looks(first: int, most: int | None, step: int) -> tuple[int, ...]:
    most = first if most is None else most
    if most < first:
        raise UserError(f"study.seeds.most={most} is less than study.seeds.first={first}")
    return (*range(first, most, step), most)
