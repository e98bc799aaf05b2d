"""What can be chosen: read from the YAML files, so that a new file is a new choice, and a new line of ``--help``."""

import functools
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import OmegaConf

from src.utils.errors import UserError
from src.utils.paths import CONF
from src.utils.plain import plain

WIDTH = 110  # columns of a line
CITATION = re.compile(r" \([^()]*arXiv[^()]*\)")


def described(group: str) -> str:
    """A line for each choice of a config group, as Hydra, which fills in what a $ names, prints it.

    Choices that begin as another one, ``roberta_peft_*``, are named below it, without a line of their own.
    """
    texts = sentences(group)
    kin = [name for name in texts if any(name.startswith(f"{other}_") for other in texts)]
    told = lines({name: text for name, text in texts.items() if name not in kin})
    return "\n".join([*told, _filled(kin)] if kin else told).replace("$", "$$")


def sentences(group: str) -> dict[str, str]:
    """The first sentence of each file's comment, by the choice that the file is."""
    return {name: _sentence(group, name) for name in choices(group)}


def lines(texts: Mapping[str, str], width: int = WIDTH) -> list[str]:
    """Names and what is said of each, a line each, in two columns."""
    longest = max(map(len, texts))
    return [
        f"  {name:<{longest}}  {textwrap.shorten(text, width - longest - 4, placeholder=' ...')}"
        for name, text in texts.items()
    ]


def listed(group: str) -> str:
    """The choices of a config group, one after the other."""
    return _filled(choices(group))


def _filled(names: Iterable[str]) -> str:
    return textwrap.fill(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ")


def choices(group: str) -> list[str]:
    """The choices of a config group in alphabetical order."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if is_choice(path.stem))


def is_choice(name: str) -> bool:
    """Whether a file of a group can be chosen; ``_glue`` holds what files have in common, which name it."""
    return not name.startswith("_")


@functools.cache
def written(group: str, name: str) -> dict[str, Any]:
    """What a file of a group composes to, interpolations as they are written; Hydra takes half a second for it.

    Args:
        group: a folder of conf.
        name: of the file.

    Raises:
        UserError: if its ``defaults`` name something else than files beside it.
    """
    file = CONF / group / f"{name}.yaml"
    own: Any = OmegaConf.load(file)
    defaults = own.pop("defaults", ["_self_"])
    beside = {path.stem for path in file.parent.glob("*.yaml")} | {"_self_"}
    if strange := [part for part in defaults if part not in beside]:
        raise UserError(f"{file}: defaults: {strange[0]} breaks the rule: the name of a file beside it, or _self_")
    parts = [own if part == "_self_" else OmegaConf.create(written(group, part)) for part in defaults]
    merged: Any = OmegaConf.merge(*parts)
    return plain(merged, resolve=False)


def _sentence(group: str, name: str) -> str:
    comment = []
    for line in (CONF / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("# ") or line.startswith(("# @", "#   ")):
            break
        comment.append(line.removeprefix("# "))
    return first_sentence(" ".join(comment))


def first_sentence(text: str) -> str:
    """The first sentence of a text, or what stands before its colon, without citations."""
    return re.split(r"(?<=[a-z0-9)?])[.:;] (?=[A-Z0-9])|[.:]$", CITATION.sub("", text))[0]
