"""From the words of a command to the words that Hydra takes.

Hydra's grammar knows no ``=``, ``(``, ``[``, ``#`` or letter beyond ASCII in a value, and argparse no override after
a flag. Both are put right here: values that Hydra could not read are quoted, and overrides come first.
"""

import functools
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from src.config.choices import choices
from src.config.key_rules import RENAMED
from src.config.training_keys import listed_keys
from src.utils.errors import UserError
from src.utils.keys import quoted
from src.utils.paths import CONF

# Hydra's flags that take the next word as their value.
_WITH_VALUE = ("--cfg", "--package", "--config-path", "--config-name", "--config-dir", "--experimental-rerun", "--info")
_SHORT = ("-c", "-p", "-cp", "-cn", "-cd", "-i")
_INFO = ("--info", "-i")
_INFO_CHOICES = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
# Keys whose value is the name of a file or folder; those of a folder that is made may have one value alone.
_PATHS = ("init_from", "path", "dir", "train", "validation", "test", "subdir")
_MADE = ("hydra.run.dir", "hydra.sweep.dir", "sweep.dir")
_OPEN, _CLOSE = "([{", ")]}"


def prepare(arguments: Sequence[str]) -> list[str]:
    """The command's words as Hydra takes them: overrides first, in their order, then flags with their values.

    Raises:
        UserError: for a word that is neither a flag nor an override, or an override that cannot be read.
    """
    overrides, flags = [], []
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            overrides.append(prepare_override(word))
            continue
        flags.append(word)
        value = next(words, None) if _takes_value(word) else None
        if value is not None and word in _INFO and value not in _INFO_CHOICES:  # its value may be left out
            overrides.append(prepare_override(value))
        elif value is not None:
            flags.append(value)
    return overrides + flags


def prepare_override(word: str) -> str:
    """One override as Hydra takes it.

    Raises:
        UserError: if it is none, or names a folder that cannot be made; the message shows the form that works.
    """
    key, equals, given = word.partition("=")
    value, name = given, key.lstrip("+~").partition("@")[0]
    if name in RENAMED:
        key, name = key.replace(name, RENAMED[name]), RENAMED[name]
        word = key + equals + given
    if not equals and not word.startswith("~"):
        raise UserError(f"{word}: neither an option nor an override; an override is KEY=VALUE, or ~KEY to delete one")
    if not name:
        raise UserError(f"{word}: an override without a key; it is KEY=VALUE, or ~KEY to delete one")
    if name in _MADE and equals:
        _check_folder(name, value)
    if equals:
        value = _quote_paths(name, value)
        if not _reads(f"x={value}"):
            value = _readable(value)
    word = open_training(key + equals + value)
    if _reads(word):
        if (CONF / name).is_dir() or name.startswith("hydra/"):
            _check_choice(word, name)
        return word
    error = _parse_error(word)
    if error is None or not _reads(f"{key}=1"):
        raise UserError(f"{key}: not a key of the config: letters, digits and _, joined by dots")
    raise UserError(f"{key}={given}: {error}; as one text: {as_text(key, given)}")


def open_training(argument: str) -> str:
    """Let ``training.KEY=`` name any field of TrainingArguments, also one that conf/training does not list.

    Hydra asks for a ``+`` before a key that the YAML lacks; whether the key exists is checked by ``validate``.
    """
    key = argument.partition("=")[0].removeprefix("training.")
    return f"++{argument}" if argument.startswith("training.") and key not in listed_keys() else argument


def as_text(key: str, value: str) -> str:
    """The word for a shell that sets a key to a text, whatever it holds."""
    word = f"{key}={quoted(value)}"
    return f'"{word}"' if not set(word) & set('"$`\\!') else shlex.quote(word)


def _takes_value(flag: str) -> bool:
    """Whether the next word is the flag's; argparse takes the beginning of a long flag's name for the whole."""
    long = flag.startswith("--") and any(name.startswith(flag) for name in _WITH_VALUE)
    return long or flag in _SHORT


def _check_choice(word: str, group: str) -> None:
    """Refuse what is no name of a choice; whether there is such a choice is Hydra's question."""
    override = _parser().parse_override(word)
    if override.is_sweep_override() or override.is_delete():
        return
    value = override.value()
    if all(isinstance(name, str) for name in (value if isinstance(value, list) else [value])):
        return
    raise UserError(f"{word}: a choice is a name; choices: {', '.join(choices(group)) or 'those of Hydra'}")


def _check_folder(key: str, value: str) -> None:
    """Refuse a folder that cannot be made; where the text is not plain, Hydra will find out."""
    text = value.strip("'\"")
    if text in ("", "null") or "\0" in text:
        raise UserError(f"{key}={value} names no folder")
    if "${" in text:
        return
    path = Path(text).expanduser().absolute()
    for folder in (path, *path.parents):
        if folder.exists():
            if not folder.is_dir():
                raise UserError(f"{key}={value}: {folder} is a file, and cannot hold a folder")
            return


def _quote_paths(key: str, value: str) -> str:
    """Quote the names of existing files and folders, and of folders to be made, that hold a comma."""
    if "," not in value or value[:1] in "'\"[{":
        return value
    if key in _MADE:
        return quoted(value)
    if key.rpartition(".")[2] not in _PATHS:
        return value
    pieces, found = value.split(","), []
    while pieces:
        # The longest run of pieces that is a path is one value of the sweep.
        ends = range(len(pieces), 1, -1)
        end = next((end for end in ends if _exists(",".join(pieces[:end]))), 1)
        text = ",".join(pieces[:end])
        found.append(quoted(text) if end > 1 else text)
        pieces = pieces[end:]
    return ",".join(found)


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _readable(value: str) -> str:
    """The value with quotes around what Hydra cannot read: items of a list, a map or a sweep, or the whole."""
    if _reads(f"x={value}"):
        return value
    pieces = _split(value, ",")
    if pieces is not None and len(pieces) > 1 and all(pieces):
        return ",".join(map(_readable, pieces))
    if pieces is not None and value[:1] == "[" and value[-1:] == "]":
        items = _split(value[1:-1], ",")
        if items is not None and all(items):
            return f"[{','.join(_readable(item.strip()) for item in items)}]"
    if pieces is not None and value[:1] == "{" and value[-1:] == "}":
        pairs = [_split(item, ":") for item in _split(value[1:-1], ",") or []]
        if pairs and all(pair and len(pair) > 1 for pair in pairs):
            texts = ((pair[0].strip(), ":".join(pair[1:]).strip()) for pair in pairs if pair)
            return f"{{{','.join(f'{key}:{_readable(item)}' for key, item in texts)}}}"  # a map's key takes no quotes
    function = value.partition("(")[0]
    if value.endswith(")") and function in _functions():
        return value  # Hydra's own: its arguments are wrong, and Hydra says how
    return quoted(value)


def _split(text: str, mark: str) -> list[str] | None:
    """Split at a mark that stands outside of quotes and brackets; None if these do not match."""
    pieces, depth, quote = [""], [], ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPEN:
            depth.append(_CLOSE[_OPEN.index(letter)])
        elif letter in _CLOSE and (not depth or depth.pop() != letter):
            return None
        if letter == mark and not depth and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return None if depth or quote else pieces


@functools.cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


@functools.cache
def _functions() -> frozenset[str]:
    functions = getattr(_parser(), "functions", None)
    return frozenset(getattr(functions, "functions", ()))


def _reads(override: str) -> bool:
    return _parse_error(override) is None


def _parse_error(override: str) -> str | None:
    try:
        _parser().parse_override(override)
    except (HydraException, ValueError, TypeError, RecursionError) as error:
        return str(error).partition("\n")[0] or type(error).__name__
    return None
