"""What can be chosen, for ``--help``: read from the YAML files, so that a new file is a new line."""

import re
import textwrap
from collections.abc import Mapping

from src.utils.paths import CONF

WIDTH = 110  # columns of a line
CITATION = re.compile(r" \([^()]*arXiv[^()]*\)")


def described(group: str) -> str:
    """A line for each choice of a config group, as Hydra, which fills in what a $ names, prints it."""
    return "\n".join(lines(sentences(group))).replace("$", "$$")


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
    return textwrap.fill(", ".join(choices(group)), WIDTH, initial_indent="  ", subsequent_indent="  ")


def choices(group: str) -> list[str]:
    """The choices of a config group in alphabetical order."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


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
