"""What stands between the shell and Hydra: resolvers for folder names, and errors that a person can use."""

import atexit
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.config import unknown_key
from src.data.records import task_records
from src.errors import UserError
from src.paths import CONF, ROOT

USER_ERROR = 2  # exit status

# One token a process keeps two runs that start in the same second apart.
OmegaConf.register_new_resolver("unique", lambda: secrets.token_hex(3), use_cache=True, replace=True)
# Ours stand in place of the packages' launchers of the same name, and Hydra would say so in every process.
warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")

OmegaConf.register_new_resolver("arena_root", lambda: str(ROOT), replace=True)
# ${peft_name:peft.LoraConfig} is lora: what a config of the peft library is called.
OmegaConf.register_new_resolver(
    "peft_name", lambda target: target.rpartition(".")[2].removesuffix("Config").lower(), replace=True
)
# ${by_model:${model.name},{roberta_full:3e-4,default:3e-3}}: a recipe's value for each method, in one line.
OmegaConf.register_new_resolver("by_model", lambda name, values: values.get(name, values["default"]), replace=True)
# The records of the tasks that data=mix names.
OmegaConf.register_new_resolver("task_records", task_records, replace=True)


def run_app(main: Callable[[], Any]) -> None:
    """Call a Hydra main; a user's mistake becomes one message on stderr and exit status 2."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing, so that the message can be ours
    sys.argv[1:] = _overrides_last(sys.argv[1:]) + _own_folder()
    with answered():
        main()


@contextmanager
def answered() -> Iterator[None]:
    """What a user's mistake within the block ends with: one message on stderr and exit status 2.

    The task of a Hydra main needs it for itself, since Hydra writes a line of its own over what leaves a task.
    """
    try:
        yield
    except (UserError, HydraException, OmegaConfBaseException) as error:
        print(f"error: {_explain(error)}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted", file=sys.stderr)
        sys.exit(128 + getattr(error, "signum", signal.SIGINT))


def _own_folder() -> list[str]:
    """Under torchrun only the first process writes the run's folder; the others get one that is thrown away."""
    if int(os.environ.get("RANK", "0")) == 0:
        return []
    folder = tempfile.mkdtemp(prefix="peft-arena-rank-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return [f"hydra.run.dir={folder}", f"hydra.sweep.dir={folder}", "hydra.output_subdir=null"]


def _overrides_last(arguments: list[str]) -> list[str]:
    """Let flags and overrides come in any order: argparse takes no override after ``model=x --multirun``."""
    overrides = [text for text in arguments if text.startswith("~") or ("=" in text and not text.startswith("-"))]
    return [text for text in arguments if text not in overrides] + [open_training(text) for text in overrides]


def open_training(argument: str) -> str:
    """Let ``training.KEY=`` name any field of TrainingArguments, also one that conf/training does not list.

    Hydra asks for a ``+`` before a key that the YAML lacks; whether the key exists is checked by ``validate``.
    """
    key = argument.partition("=")[0].removeprefix("training.")
    listed = OmegaConf.load(CONF / "training" / "default.yaml")
    return f"++{argument}" if argument.startswith("training.") and key not in listed else argument


def _explain(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    text = str(error)
    if told := re.match(r"UserError raised while resolving interpolation: (.*)\n\s+full_key:", text, re.DOTALL):
        return told[1]
    if key := re.search(r"Could not (?:override|append to config|delete from config)[^']*'([^']+)'", text):
        return str(unknown_key(key[1].lstrip("+~"), _valid_keys()))
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        return f"{group}={choice}: there is no such choice; choices: {', '.join(error.options)}"
    cause = f"\n{error.__cause__}" if error.__cause__ and str(error.__cause__) not in text else ""
    return text + cause


def _valid_keys() -> list[str]:
    """Every key of the config that the command's group choices (model=..., data=...) compose."""
    choices = [arg for arg in sys.argv[1:] if (CONF / arg.lstrip("+").partition("=")[0]).is_dir()]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            return list(_leaves(compose("config", overrides=choices)))
        except HydraException:  # a sweep over choices: the defaults' keys are the best there is
            return list(_leaves(compose("config")))


def _leaves(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in node:
        name = f"{prefix}{key!s}"
        yield name
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none():
            yield from _leaves(child, f"{name}.")
