"""The resolvers that our configs need (``${unique:}`` and others), in every process that composes or runs one."""

import secrets
import warnings

from hydra.core.utils import setup_globals
from omegaconf import OmegaConf

from src.config.choices import described, listed
from src.config.task_records import task_records
from src.utils.paths import ROOT
from src.utils.terminal import prepare_log

prepare_log()  # of every process that runs jobs
setup_globals()  # Hydra's own, which --experimental-rerun leaves out
# One token a process keeps two runs that start in the same second apart.
OmegaConf.register_new_resolver("unique", lambda: secrets.token_hex(3), use_cache=True, replace=True)
# Ours stand in place of the packages' launchers of the same name, and Hydra would say so in every process.
warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")

OmegaConf.register_new_resolver("project_root", lambda: str(ROOT), replace=True)
# ${peft_name:peft.LoraConfig} is lora: what a config of the peft library is called.
OmegaConf.register_new_resolver(
    "peft_name", lambda target: target.rpartition(".")[2].removesuffix("Config").lower(), replace=True
)
# ${by_model:${model.name},{roberta_full:3e-4,default:3e-3}}: a recipe's value for each method, in one line.
OmegaConf.register_new_resolver("by_model", lambda name, values: values.get(name, values["default"]), replace=True)
# What --help lists.
OmegaConf.register_new_resolver("described", described, replace=True)
OmegaConf.register_new_resolver("listed", listed, replace=True)
# The records of the tasks that data=mix names.
OmegaConf.register_new_resolver("task_records", task_records, replace=True)
