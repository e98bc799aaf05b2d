"""Write docs/config_reference.md from the YAML files of conf and the rules: ``python -m tools.config_reference``.

A test holds the page against them, so that it is never behind.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from src.config.choices import choices
from src.config.key_rules import MIX_RULES, RULES
from src.config.launchers import RULES as LAUNCHER_RULES
from src.config.method_rules import stated_rules
from src.config.training_keys import DECIDED_BY_THE_RUN, OURS, WORKS
from src.utils.paths import CONF, ROOT

PAGE = ROOT / "docs" / "config_reference.md"
INTRO = """\
# Config reference

Every key of the config with its rule, its default and what it says. Written by `python -m tools.config_reference` from
the YAML files in `conf` and the rules in the code; do not edit it. [The config](configuration.md) tells how to use it.

A rule is read as alternatives between `|`: a type (`int`, `float`, `bool`, `str`, `list[...]`, `map`, `null`), a
bounded number (`int >= 1`, `0 <= float < 1`), or a word that stands for itself. An int passes as a float. A default
such as `${.r}` takes another key's value."""
_TOP = ("model", "backbone", "data", "training", "hydra", "defaults")
_WORKED_OUT = ("search", "budget", "rules", "auto", "adapter")  # of a model: shown in a line or elsewhere


@dataclass(frozen=True)
class Entry:
    """One value of a YAML file: its dotted key, its default as written, and the comment beside it."""

    key: str
    default: str
    comment: str


def entries(path: Path) -> list[Entry]:
    """Every value of a YAML file in its order; a map in braces and a list are one value each."""
    text = path.read_text(encoding="utf-8")
    return list(_walk(yaml.compose(text), text, text.splitlines(), "")) if text.strip() else []


def _walk(node: yaml.Node | None, text: str, lines: list[str], prefix: str) -> Iterator[Entry]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _walk(value, text, lines, f"{name}.")
            continue
        written = " ".join(text[value.start_mark.index : value.end_mark.index].split())
        yield Entry(name, written or "null", _comment(lines, value.end_mark))


def _comment(lines: list[str], end: yaml.Mark) -> str:
    """What stands behind a value, and below it in the same column."""
    if end.line >= len(lines) or not (found := re.match(r"\s*# ?(.*)", lines[end.line][end.column :])):
        return ""
    column, parts = lines[end.line].index("#", end.column), [found[1]]
    for line in lines[end.line + 1 :]:
        if line[:column].strip() or not line[column:].startswith("#"):
            break
        parts.append(line[column:].removeprefix("#").strip())
    return " ".join(parts)


def loaded(name: str, group: str) -> dict[str, Any]:
    """A choice's YAML as plain values."""
    return yaml.safe_load((CONF / group / f"{name}.yaml").read_text(encoding="utf-8"))


def describe(path: Path) -> str:
    """The comment at the head of a YAML file, without examples."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith(("# @", "#   ")):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def table(rows: Iterable[Iterable[str]], *head: str) -> str:
    """A Markdown table; empty where there are no rows."""
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *body]) if body else ""


def code(text: str) -> str:
    """A text as code within a table."""
    return f"`{text}`".replace("|", r"\|") if text else ""


def words(text: str) -> str:
    """A comment within a table: its pipes are no columns, and its angle brackets and stars no markup."""
    return re.sub(r"([|<*_])", r"\\\1", text)


def keys(found: Iterable[Entry], rules: Mapping[str, str], prefix: str) -> str:
    """The table of some values: full key, rule, default, meaning."""
    rows = ([code(prefix + e.key), code(_rule(e.key, rules)), code(e.default), words(e.comment)] for e in found)
    return table(rows, "key", "rule", "default", "what it says")


def _rule(key: str, rules: Mapping[str, str]) -> str:
    """A key's own rule, or that of the values of the map that it is in."""
    parent = rules.get(key.rpartition(".")[0], "")
    inner = re.fullmatch(r"map\[(.*)\]", parent)
    return rules.get(key) or (inner[1].replace("|", " | ") if inner else "")


def below(found: Iterable[Entry], node: str) -> list[Entry]:
    """The values of one node, by their keys within it."""
    return [Entry(e.key.removeprefix(f"{node}."), e.default, e.comment) for e in found if e.key.startswith(f"{node}.")]


def listed(group: str) -> str:
    """The choices of a group with what their files say of them."""
    rows = ([code(f"{group}={name}"), words(describe(CONF / group / f"{name}.yaml"))] for name in choices(group))
    return table(rows, "choice", "what it is")


# Keys that a choice may leave out.
SELDOM = {"kind": "of task; where a choice leaves it out, the one that label_names imply"}


def top() -> Iterator[str]:
    found = entries(CONF / "config.yaml")
    own = [e for e in found if e.key.partition(".")[0] not in _TOP]
    rules = {f"{node}.{key}" if node else key: rule for node, table in RULES.items() for key, rule in table.items()}
    yield "## Top level\n\n" + keys(own, rules, "")
    for group in ("model", "backbone", "data"):
        nested = {key.removeprefix(f"{group}."): rule for key, rule in rules.items() if key.startswith(f"{group}.")}
        everywhere = below(found, group)
        known = {part for e in everywhere for part in (e.key, e.key.partition(".")[0])}
        everywhere += [Entry(key, "", SELDOM.get(key, "each choice sets it")) for key in nested if key not in known]
        yield f"## {group}\n\n{listed(group)}\n\nKeys of all of them:\n\n{keys(everywhere, nested, f'{group}.')}"
        yield from {"model": models, "data": data}.get(group, lambda: iter(()))()


def models() -> Iterator[str]:
    """A table for each method that has keys of its own."""
    for name in choices("model"):
        found = entries(CONF / "model" / f"{name}.yaml")
        method = next((e.default.removeprefix("${model.").rstrip("}") for e in found if e.key == "adapter"), None)
        written = loaded(name, "model")
        own = [e for e in below(found, method) if not e.key.startswith("_")] if method else []
        plain = [e for e in found if e.key.partition(".")[0] not in (*_WORKED_OUT, method, "name")]
        both = {f"{method}.{key}": rule for key, rule in stated_rules(written).items()} | RULES["model"]
        shown = plain + [Entry(f"{method}.{e.key}", e.default, e.comment) for e in own]
        drawn = "; ".join(map(draw, written.get("search", {}).values())) or "nothing"
        yield f"### model={name}\n\n{keys(shown, both, 'model.')}\n\nSearched by `tune`: {drawn}."


def draw(entry: Mapping[str, Any]) -> str:
    """An entry of a search space in words."""
    if "choices" in entry:
        return f"`{entry['key']}` among {', '.join(map(str, entry['choices']))}"
    return f"`{entry['key']}` from {entry['low']} to {entry['high']}"


def data() -> Iterator[str]:
    """The keys that only some records have: those with rules of their own."""
    for name in choices("data"):
        found = entries(CONF / "data" / f"{name}.yaml")
        if rules := dict(loaded(name, "data").get("rules", {})):
            rules |= {f"mix.{key}": rule for key, rule in MIX_RULES.items()}
            own = [e for e in found if e.key in rules or e.key.partition(".")[0] in rules]
            yield f"### data={name}\n\n{keys([e for e in own if not e.key.startswith('rules')], rules, 'data.')}"


def training() -> Iterator[str]:
    found = entries(CONF / "training" / "default.yaml")
    yield f"## training\n\n{listed('training')}\n\nKeys of all of them:\n\n{keys(found, WORKS | OURS, 'training.')}"
    shown, known = {e.key for e in found}, WORKS | OURS
    rows = ([code(f"training.{key}"), code(known[key])] for key in sorted(known.keys() - shown))
    own = " and ".join(code(key) for key in sorted(OURS.keys() - shown))
    text = f"{own} are [this program's](configuration.md); the others are further fields of"
    text += " `transformers.TrainingArguments`, where what they do is told"
    yield f"### More training arguments\n\n{text}.\n\n{table(rows, 'key', 'rule')}"
    refused = ([code(f"training.{key}"), words(reason)] for key, reason in sorted(DECIDED_BY_THE_RUN.items()))
    yield "### What the run decides\n\nSetting these is refused, with the reason.\n\n" + table(refused, "key", "reason")


def launchers() -> Iterator[str]:
    yield "## hydra/launcher\n\nWhat runs the jobs of a sweep.\n\n" + listed("hydra/launcher")
    for name in choices("hydra/launcher"):
        found = [e for e in entries(CONF / "hydra" / "launcher" / f"{name}.yaml") if not e.key.startswith("defaults")]
        kind = next(e.default for e in found if e.key == "_target_").rpartition(".")[2]
        shown = keys((e for e in found if e.key != "_target_"), LAUNCHER_RULES.get(kind, {}), "hydra.launcher.")
        yield f"### hydra/launcher={name}\n\n{shown}"


def page() -> str:
    """The whole page."""
    overlays = [f"## {group}\n\n{listed(group)}" for group in ("experiment", "debug")]
    return "\n\n".join([INTRO, *top(), *training(), *overlays, *launchers()]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
