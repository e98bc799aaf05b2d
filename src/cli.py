"""What stands between the shell and Hydra: errors that a person can use, and secrets that no file gets."""

import atexit
import itertools
import logging
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

import src.config.resolvers  # noqa: F401  what our configs refer to
from src.config import unknown_key, validate
from src.config.choices import is_choice
from src.config.composing import composed
from src.config.launchers import missing_launcher
from src.config.overrides import as_text, open_training, prepare
from src.config.validate import explain_interpolation
from src.utils import resume_hint as resume
from src.utils.errors import UserError
from src.utils.paths import CONF, ROOT
from src.utils.places import explain, place_error
from src.utils.redact import hide_word
from src.utils.terminal import prepare_process, say

__all__ = ["CONF", "ROOT", "answered", "open_training", "run_app"]

USER_ERROR = 2  # exit status
_ANSWERED = (UserError, HydraException, OmegaConfBaseException)  # what has a message for people


class HiddenByHydraError(BaseException):
    """Carries an exception, its cause, out of a callback: of an ordinary one Hydra makes a warning, and goes on."""


# What takes back what a run that could not be started has made of its folder.
at_failure: list[Callable[[], None]] = []
_given: list[str] = []  # the command's words as the user wrote them
_begun = False  # whether the job, or the sweep, has begun: what fails before is the config's fault


def run_app(main: Callable[[], Any], command: Sequence[str] | None = None, as_it_is: bool = False) -> None:
    """Call a Hydra main; a user's mistake becomes one message on stderr and exit status 2.

    The last line of one that was cut short is the command that goes on.

    Args:
        main: the decorated function.
        command: what the user called; by default this process's program and arguments.
        as_it_is: the command goes on as it is, see ``resume_hint.called``.
    """
    global _begun
    prepare_process()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing, so that the message can be ours
    logging.raiseExceptions = False  # on a full disk every line of the log would be a traceback
    resume.called(command or resume.python(*sys.argv), as_it_is)
    _given[:], _begun = sys.argv[1:], False
    try:
        with answered(begun=False):
            sys.argv[1:] = map(_hidden, prepare([*_given, *_own_folder()]))
            _start(main)
    except Exception:
        say(traceback.format_exc().rstrip("\n"), file=sys.stderr)
        sys.exit(1)
    finally:
        for undo in at_failure:  # nothing, if the run was begun
            undo()
        resume.say()


def _start(main: Callable[[], Any]) -> None:
    """Call it; what ends Hydra before the job has begun is a mistake in the values of the command."""
    try:
        try:
            main()
        except HiddenByHydraError as hidden:
            raise hidden.__cause__ or hidden from None
    except _ANSWERED:
        raise
    except (OSError, ValueError, TypeError, AttributeError, AssertionError, RuntimeError) as error:
        if _begun or place_error(error) is not None:
            raise
        raise UserError(_refused_by_hydra(error)) from error


def begin() -> None:
    """The job, or the sweep, begins: from here on a failure is no longer one of Hydra's own keys."""
    global _begun
    _begun = True


@contextmanager
def answered(begun: bool = True) -> Iterator[None]:
    """What a user's mistake within the block ends with: one message on stderr and exit status 2.

    The task of a Hydra main needs it for itself, since Hydra writes a line of its own over what leaves a task.

    Args:
        begun: whether the block is the job or the sweep itself.
    """
    if begun:
        begin()
    try:
        yield
    except _ANSWERED as error:
        say(f"error: {_explain(error)}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except Exception as error:
        if (place := place_error(error)) is None:
            raise
        say(f"error: {explain(place)}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt as error:
        say(str(error) or "interrupted", file=sys.stderr)
        sys.exit(128 + getattr(error, "signum", signal.SIGINT))


def _hidden(word: str) -> str:
    """A word of the command without its secret, which Hydra would write into three files; flags stay as they are."""
    return word if word.startswith("-") else hide_word(word)


def _own_folder() -> list[str]:
    """Under torchrun only the first process writes the run's folder; the others get one that is thrown away."""
    if int(os.environ.get("RANK", "0")) == 0:
        return []
    folder = tempfile.mkdtemp(prefix="peft-verdict-rank-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return [f"hydra.run.dir={folder}", f"hydra.sweep.dir={folder}", "hydra.output_subdir=null"]


def _explain(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    text = str(error)
    if there := re.search(r"Could not append to config\. An item is already at '([^']+)'", text):
        return f"{there[1]} is in the config already: {there[1]}=VALUE, without the +, sets it"
    if key := re.search(r"Could not (?:override|append to config|delete from config)[^']*'([^']+)'", text):
        return str(unknown_key(key[1].lstrip("+~"), _valid_keys()))
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        return f"{group}={choice}: there is no such choice; choices: {', '.join(filter(is_choice, error.options))}"
    if text.startswith("Ambiguous value for argument"):
        return _ambiguous(text)
    if isinstance(error, OmegaConfBaseException):
        return _wrong_value() or explain_interpolation(error)
    cause = f"\n{error.__cause__}" if error.__cause__ and str(error.__cause__) not in text else ""
    return text + cause


def _ambiguous(text: str) -> str:
    """Several values in a run of one job: a sweep, a list or a text?"""
    key = text.partition("'")[2].partition("=")[0].lstrip("+")
    word = next((word for word in _given if word.lstrip("+").startswith(f"{key}=")), f"{key}=")
    value = word.partition("=")[2]
    return (
        f"{word}: several values are a sweep, which needs --multirun; "
        f"as one text: {as_text(key, value)}; as a list: {shlex.quote(f'{key}=[{value}]')}"
    )


def _refused_by_hydra(error: Exception) -> str:
    """What ended Hydra before the job began: a wrong value of the config, or of Hydra's own settings."""
    if found := _wrong_value():
        return found
    if isinstance(error, OSError):
        return f"the run's folder cannot be made: {error}; hydra.run.dir=FOLDER puts it elsewhere"
    if missing := missing_launcher(str(error)):
        return missing
    return f"Hydra cannot start the run with the values of its own keys, hydra.*: {type(error).__name__}: {error}"


def _wrong_value() -> str | None:
    """What is wrong in the config that the command composes; None if it is not the config, or cannot be composed."""
    words = list(itertools.takewhile(lambda word: not word.startswith("-"), prepare(_given)))  # flags come last
    try:
        validate(composed(words))
    except UserError as found:
        return str(found)
    except Exception:
        return None
    return None


def _valid_keys() -> list[str]:
    """Every key of the config that the command's group choices (model=..., data=...) compose."""
    choices = [word for word in sys.argv[1:] if (CONF / word.lstrip("+").partition("=")[0]).is_dir()]
    try:
        config = composed(choices)
    except HydraException:  # a sweep over choices: the defaults' keys are the best there is
        config = composed([])
    return list(_leaves(OmegaConf.to_container(config, resolve=False)))


def _leaves(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, child in node.items():
            yield f"{prefix}{key!s}"
            yield from _leaves(child, f"{prefix}{key!s}.")
