"""Passwords, tokens and keys: what of a config or a message may be written down, and what takes the secret's place.

A secret that a command or a config holds is kept in this process' environment, which its workers inherit. The config
holds ``${secret:KEY}`` instead, so that whatever is made of the config (Hydra's files, a job's name, a log line) has
the name alone, and only who resolves the value gets it.
"""

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

MASK = "***"
STORE = "PEFT_VERDICT_SECRETS"  # the environment variable: JSON, value by name
STANDS_IN = re.compile(r"\$\{secret:[\w.]+\}")
SECRET = frozenset({
    "password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "credential", "credentials", "apikey",
    "authorization",
})  # fmt: skip
OF_TEXT = ("token", "key")  # a name that ends in one of these is a secret's, unless a word before says what it is
NO_SECRET = frozenset({
    "pad", "eos", "bos", "mask", "cls", "sep", "unk", "special", "first", "last", "start", "end", "image", "max", "min",
    "num", "prng", "rng", "random", "primary", "foreign", "sort", "group", "label", "text", "public",
})  # fmt: skip
SETTINGS = ("model", "budget")  # nodes in which a bare `key` names a key of the config
IN_URL = re.compile(r"(?<=://)[^\s/@:'\"]*:[^\s/@'\"]+(?=@)")  # https://USER:PASSWORD@host
IN_QUERY = re.compile(r"(?i)(?<=[?&])((?:[a-z]*_?(?:token|password|secret|signature)|api_?key|key|sig)=)[^&\s'\"#]+")
OF_A_HUB = re.compile(r"\b(?:hf|ghp|gho|github_pat|sk|glpat|xox[bp])[_-][A-Za-z0-9_-]{16,}")
SHORTEST, SHORTEST_OF_ENVIRONMENT = 4, 8  # letters; what is shorter would be found in any text


@functools.lru_cache(maxsize=4096)
def is_secret(key: str) -> bool:
    """Whether the value of a dotted key is a secret, by the words of its name: hub_token is, tokenizer is not.

    What stands under ``rules`` is a rule, whatever the key that it is for.
    """
    parts = key.split(".")
    return "rules" not in parts and any(_names_secret(part, parts[0]) for part in parts)


def _names_secret(part: str, group: str) -> bool:
    words = [word.lower() for word in re.split(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])", part) if word]
    if SECRET & set(words):
        return True
    if not words or words[-1] not in OF_TEXT or NO_SECRET & set(words[:-1]):
        return False
    return len(words) > 1 or words[-1] != "key" or group not in SETTINGS


def redacted(node: Any, key: str = "") -> Any:
    """A copy for a file: ``***`` for every secret, by the name of its key or as a value that is known as one."""
    if isinstance(node, Mapping):
        return {name: redacted(value, f"{key}.{name}" if key else str(name)) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [redacted(value, key) for value in node]
    if hides(key, node):
        return MASK
    return scrubbed(node) if isinstance(node, str) else node


def without_secrets(node: Any, key: str = "") -> Any:
    """A copy for a hash: no secret has a part in it, nor has the user's name in a URL."""
    if isinstance(node, Mapping):
        return {
            name: without_secrets(value, inner)
            for name, value in node.items()
            if not hides(inner := f"{key}.{name}" if key else str(name), value)
        }
    if isinstance(node, list | tuple):
        return [without_secrets(value, key) for value in node if not hides(key, value)]
    return IN_URL.sub(MASK, node) if isinstance(node, str) and "://" in node else node


def hides(key: str, value: Any) -> bool:
    """Whether a value is a secret's: a text, and of a password also a number."""
    if isinstance(value, str):
        return bool(value) and value != "???" and bool(key) and is_secret(key)
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(key) and is_secret(key) and (
        not any(word in key.rpartition(".")[2].lower() for word in OF_TEXT)
    )  # fmt: skip


def scrubbed(text: str) -> str:
    """A message without secrets: known values, the password in a URL, what looks like a hub's token."""
    for value in _known():
        text = text.replace(value, MASK)
    if "://" in text:
        text = IN_QUERY.sub(rf"\g<1>{MASK}", IN_URL.sub(MASK, text))
    return OF_A_HUB.sub(MASK, text)


@functools.cache
def _known() -> tuple[str, ...]:
    """Secret values of this process, the longest first: those of its config, those of its environment."""
    of_environment = (
        value for name, value in os.environ.items()
        if name != STORE and len(value) >= SHORTEST_OF_ENVIRONMENT and is_secret(name.lower())
        and not os.path.exists(value)  # noqa: PTH110  a file that holds the secret is none
    )  # fmt: skip
    own = (text for value in _stored().values() if len(text := str(value)) >= SHORTEST)
    return tuple(sorted({*of_environment, *own}, key=len, reverse=True))


def look_again() -> None:
    """The environment may have changed."""
    _known.cache_clear()


def hide_word(word: str) -> str:
    """An override with ``${secret:KEY}`` in a secret's place; it has to be one that Hydra can read."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from src.utils.errors import UserError
    from src.utils.keys import override

    name, equals, text = word.partition("=")
    key = name.lstrip("+~").partition("@")[0]
    if not equals or not (is_secret(key) or "://" in text or "{" in text):
        return word
    read = OverridesParser.create().parse_override(word)
    if read.is_sweep_override():
        if is_secret(key):
            raise UserError(f"{key}: several values are a sweep, and a secret has one; quote it: {key}='...'")
        return word
    value: Any = read.value()
    hidden = _hidden(value, key)
    return word if hidden == value else f"{name}={override(key, hidden).partition('=')[2]}"


def shown_word(word: str) -> str:
    """An override as it may be printed: ``***`` in a secret's place."""
    name, equals, value = word.partition("=")
    if equals and value not in ("", "null") and is_secret(name.lstrip("+~").partition("@")[0]):
        return f"{name}={MASK}"
    return scrubbed(word)


def hide(config: DictConfig) -> bool:
    """Put ``${secret:KEY}`` in the place of every secret of a composed config; returns whether there was one."""
    found = {
        path: hidden
        for path, value in _leaves(OmegaConf.to_container(config, resolve=False))
        if (hidden := _hidden(value, path)) != value
    }
    with read_write(config), open_dict(config):
        for path, hidden in found.items():
            OmegaConf.update(config, path, hidden)
    return bool(found)


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of all that is no map; a list is one value."""
    if isinstance(node, dict):
        for name, value in node.items():
            if path or name != "hydra":
                yield from _leaves(value, f"{path}.{name}" if path else str(name))
            else:
                yield from _leaves(((value.get("job") or {}).get("env_set")) or {}, "hydra.job.env_set")
    elif path:
        yield path, node


def _hidden(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _hidden(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, f"{key}.{number}") for number, item in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return value
    if hides(key, value):
        return _keep(key, value)
    if isinstance(value, str) and "://" in value:
        return IN_URL.sub(lambda found: _keep(f"{key}.user", found[0]), value)
    return value


def _keep(key: str, value: Any) -> str:
    name = re.sub(r"[^\w.]", "_", key, flags=re.ASCII)
    os.environ[STORE] = json.dumps(_stored() | {name: value})
    look_again()
    return f"${{secret:{name}}}"


def _stored() -> dict[str, Any]:
    try:
        found = json.loads(os.environ.get(STORE) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _resolve(name: str) -> Any:
    """The secret's value; ``***`` where it is not known: the config was written by another process."""
    return _stored().get(name, MASK)


OmegaConf.register_new_resolver("secret", _resolve, replace=True)
