"""The commands of the pages: found, read and composed."""

import functools
import itertools
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from src.config.overrides import prepare_override
from src.utils.paths import CONF, ROOT
from tools import site_hooks

PAGES = sorted({path for pattern in site_hooks.PAGES for path in ROOT.glob(pattern)})
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:python|make|torchrun|pip) [^`]+)`")
SHELL = ("bash", "sh", "shell", "console")
OTHERS = ("python", "yaml")  # languages of blocks that hold no commands

# Flags of main.py, and whether the next word is their value.
FLAGS = {"--multirun": False, "-m": False, "--help": False, "--cfg": True, "--config-dir": True}


@dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        page: its path in the repository.
        words: the program and its arguments, without variables, comments and redirections.
        errors: the lines ``error: ...`` that the page shows below it.
    """

    page: str
    words: tuple[str, ...]
    errors: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def commands(page: Path) -> Iterator[Command]:
    """The commands of a page in their order, those within its sentences after those in its blocks.

    Raises:
        ValueError: for a block in a language that is neither a shell's nor known to hold none.
    """
    name, text = page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8")
    for language, block in FENCE.findall(text):
        if language in SHELL:
            lines = _console(block) if re.search(r"^\$ ", block, re.MULTILINE) else _script(block)
            for line, output in lines:
                errors = tuple(text for text in output if text.startswith("error: "))
                yield from (Command(name, words, errors) for words in split(line))
        elif language not in OTHERS:
            raise ValueError(f"{name}: a block in {language or 'no language'}; choices: {', '.join(SHELL + OTHERS)}")
    for line in INLINE.findall(FENCE.sub("", text)):
        if "..." not in line:
            yield from (Command(name, words) for words in split(line))


def _console(block: str) -> Iterator[tuple[str, list[str]]]:
    """Lines that begin with a dollar are commands; what follows is their output."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *output = part.splitlines()
        yield line, output


def _script(block: str) -> Iterator[tuple[str, list[str]]]:
    for line in block.replace("\\\n", "").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line, []


def split(line: str) -> Iterator[tuple[str, ...]]:
    """The commands of one line, without comment, redirection and the variables before them."""
    words: list[str] = []
    for word in [*shlex.split(line, comments=True), "&&"]:
        if word != "&&":
            words.append(word)
            continue
        while words and re.fullmatch(r"[A-Z][A-Z_]*=.*", words[0]):
            words.pop(0)
        yield tuple(words[: words.index(">")] if ">" in words else words)
        words = []


def overrides_of(words: Sequence[str]) -> list[str]:
    """What main.py's words override, without its flags.

    Raises:
        ValueError: for a flag that is not known here.
    """
    found, rest = [], iter(words)
    for word in rest:
        if not word.startswith("-"):
            found.append(word)
        elif word not in FLAGS:
            raise ValueError(f"{word}: no flag that this test knows")
        elif FLAGS[word]:
            next(rest)
    return found


def jobs_of(words: Sequence[str]) -> list[list[str]]:
    """The overrides of every job that main.py's words ask for, as Hydra's own sweeper combines them."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        spellings = []
        for override in parser.parse_overrides([prepare_override(word) for word in overrides_of(words)]):
            swept = override.sweep_string_iterator() if override.is_sweep_override() else None
            key = override.get_key_element()
            spellings.append([override.input_line] if swept is None else [f"{key}={value}" for value in swept])
        return [list(job) for job in itertools.product(*spellings)]


@functools.cache
def composed(words: tuple[str, ...]) -> list[DictConfig]:
    """The config of the last job that main.py's words ask for, and of the first if that chooses other files."""
    jobs = jobs_of(words)
    first, last = ({word for word in job if (CONF / word.partition("=")[0]).is_dir()} for job in (jobs[0], jobs[-1]))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return [compose("config", overrides=job) for job in (jobs[-1:] if first == last else (jobs[0], jobs[-1]))]
