"""What can be chosen, for ``--help``: read from the YAML files, so that a new file is a new line."""

import re
import textwrap

from src.utils.paths import CONF

WIDTH = 110  # columns of a line
CITATION = re.compile(r" \([^()]*arXiv[^()]*\)")


def described(group: str) -> str:
    """A line for each choice of a config group: its name and the first sentence of its file's comment."""
    names = choices(group)
    longest = max(map(len, names))
    return "\n".join(f"  {name:<{longest}}  {_sentence(group, name, WIDTH - longest - 4)}" for name in names)


def listed(group: str) -> str:
    """The choices of a config group, one after the other."""
    return textwrap.fill(", ".join(choices(group)), WIDTH, initial_indent="  ", subsequent_indent="  ")


def choices(group: str) -> list[str]:
    """The choices of a config group in alphabetical order."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def _sentence(group: str, name: str, width: int) -> str:
    comment = []
    for line in (CONF / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("# ") or line.startswith(("# @", "#   ")):
            break
        comment.append(line.removeprefix("# "))
    first = re.split(r"(?<=[a-z0-9)?])[.:;] (?=[A-Z0-9])|[.:]$", CITATION.sub("", " ".join(comment)))[0]
    return textwrap.shorten(first, width, placeholder=" ...").replace("$", "$$")  # Hydra fills in what a $ names
