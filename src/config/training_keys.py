"""The keys of ``training``: every field of transformers.TrainingArguments, and three of ours.

A field stands in one of two tables: WORKS, with its rule, or DECIDED_BY_THE_RUN, with the reason why it cannot be set.
A test holds the tables against the installed version. A field that a later version adds, and neither table knows, is
accepted with the rule of its annotation: the test, not the user, is who has to find out what it does.
"""

import ast
import functools
import importlib.util
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from src.config.class_defaults import training_class
from src.config.optimizers import check_optimizer, check_schedule
from src.utils.errors import UserError
from src.utils.paths import CONF

OURS = {
    "precision": "auto | fp32 | bf16 | fp16",
    "selection": "holdout | best | last",
    "profile": "bool",
    "class_weights": "balanced | list[float] | null",
    "sampling": "stratified | balanced | null",
}

_LEVELS = "passive | debug | info | warning | error | critical | detail"

WORKS = {
    "num_train_epochs": "float > 0",
    "max_steps": "int >= 1 | -1",
    "per_device_train_batch_size": "int >= 1",
    "per_device_eval_batch_size": "int >= 1",
    "gradient_accumulation_steps": "int >= 1",
    "learning_rate": "float > 0",
    "lr_scheduler_type": "str",
    "lr_scheduler_kwargs": "map | null",
    "warmup_steps": "float >= 0",
    "optim": "str",
    "optim_args": "str | null",
    "weight_decay": "float >= 0",
    "adam_beta1": "0 <= float < 1",
    "adam_beta2": "0 <= float < 1",
    "adam_epsilon": "float > 0",
    "max_grad_norm": "float >= 0",
    "label_smoothing_factor": "0 <= float < 1",
    "neftune_noise_alpha": "float > 0 | null",
    "tf32": "bool | null",
    "gradient_checkpointing": "bool",
    "gradient_checkpointing_kwargs": "map | null",
    "torch_compile": "bool",
    "torch_compile_backend": "inductor | eager | aot_eager | cudagraphs | null",
    "torch_compile_mode": "default | reduce-overhead | max-autotune | max-autotune-no-cudagraphs | null",
    "torch_empty_cache_steps": "int >= 1 | null",
    "use_cpu": "bool",
    "full_determinism": "bool",
    "train_sampling_strategy": "random | sequential | group_by_length",
    "eval_accumulation_steps": "int >= 1 | null",
    "dataloader_num_workers": "int >= 0",
    "dataloader_persistent_workers": "bool",
    "dataloader_prefetch_factor": "int >= 1 | null",
    "dataloader_multiprocessing_context": "fork | spawn | forkserver | null",
    "logging_strategy": "no | steps | epoch",
    "logging_steps": "int >= 1 | 0 < float < 1",
    "logging_first_step": "bool",
    "log_on_each_node": "bool",
    "log_level": _LEVELS,
    "log_level_replica": _LEVELS,
    "include_num_input_tokens_seen": "bool | no | all | non_padding",
    "disable_tqdm": "bool | null",
    "report_to": "str | list[str]",
    "run_name": "str | null",
    "project": "str",
    "ddp_find_unused_parameters": "bool | null",
    "ddp_bucket_cap_mb": "int >= 1 | null",
    "ddp_broadcast_buffers": "bool | null",
    "ddp_static_graph": "bool | null",
    "ddp_backend": "nccl | gloo | mpi | null",
    "ddp_timeout": "int >= 1",
}

_EVERY_EPOCH = "every epoch is evaluated, whole"
_KEPT = "the selected epoch is saved; for what a killed run goes on from, use checkpoint.every"
_NO_HUB = "a run stays in its folder; python -m src merge and export write what can be uploaded"
_SEED_ORDER = "which rows a batch has follows from the seed, and is part of what a comparison holds fixed"
_WHOLE_ON_EACH = "the frozen backbone is whole on every device; torchrun trains on several"
_PRECISION = "use training.precision=bf16"
_PRECISION_16 = "use training.precision=fp16"
_PRIMARY = "use data.primary_metric"
_GOES_ON = "an unfinished run goes on exactly where it was, by itself"
_PROJECTION = "only optimizers that cannot be used here read it"
_LIGER = "its kernels are for the losses of language models"
_CHECKPOINTING = "use training.gradient_checkpointing and training.gradient_checkpointing_kwargs"

# What the run itself decides: setting it elsewhere would contradict the record, or change nothing.
DECIDED_BY_THE_RUN = {
    "output_dir": "the run's folder is Hydra's: hydra.run.dir",
    "seed": "use the top-level key seed",
    "data_seed": "use the top-level key seed",
    "bf16": _PRECISION,
    "fp16": _PRECISION_16,
    "bf16_full_eval": _PRECISION,
    "fp16_full_eval": _PRECISION_16,
    "activation_checkpointing": _CHECKPOINTING,
    "activation_checkpointing_kwargs": _CHECKPOINTING,
    "load_best_model_at_end": "use training.selection=holdout|best|last",
    "metric_for_best_model": _PRIMARY,
    "greater_is_better": _PRIMARY,
    "eval_strategy": _EVERY_EPOCH,
    "eval_steps": _EVERY_EPOCH,
    "eval_delay": _EVERY_EPOCH,
    "eval_on_start": "the epoch is selected among the trained ones",
    "prediction_loss_only": "predictions.parquet is always written, and metrics need predictions",
    "batch_eval_metrics": "a metric is of all rows at once",
    "eval_do_concat_batches": "a metric is of all rows at once",
    "eval_use_gather_object": "logits and labels are plain tensors",
    "include_for_metrics": "a metric is of predictions and labels alone",
    "save_strategy": _KEPT,
    "save_steps": _KEPT,
    "save_total_limit": _KEPT,
    "save_only_model": _KEPT,
    "save_on_each_node": _KEPT,
    "enable_jit_checkpoint": _KEPT,
    "resume_from_checkpoint": "a run in the folder of an unfinished one goes on from its checkpoint by itself",
    "ignore_data_skip": _GOES_ON,
    "restore_callback_states_from_checkpoint": _GOES_ON,
    "push_to_hub": _NO_HUB,
    "hub_token": _NO_HUB,
    "hub_private_repo": _NO_HUB,
    "hub_model_id": _NO_HUB,
    "hub_strategy": _NO_HUB,
    "hub_always_push": _NO_HUB,
    "hub_revision": _NO_HUB,
    "trackio_space_id": _NO_HUB,
    "trackio_bucket_id": _NO_HUB,
    "trackio_static_space_id": _NO_HUB,
    "remove_unused_columns": "the framework prepares the columns",
    "length_column_name": "the framework prepares the columns",
    "label_names": "use data.label_names",
    "do_train": "a run trains",
    "do_eval": "every epoch is evaluated",
    "do_predict": "predictions.parquet is always written",
    "auto_find_batch_size": "the batch size is part of what a comparison holds fixed",
    "accelerator_config": _SEED_ORDER,
    "dataloader_drop_last": "no row is left out: a score is of all rows of its split",
    "dataloader_in_order": _SEED_ORDER,
    "dataloader_pin_memory": "it is on where there is a GPU",
    "average_tokens_across_devices": "the losses here are means over rows, not tokens",
    "logging_nan_inf_filter": "a loss that is not finite ends the run, with a message",
    "skip_memory_metrics": "the memory is always recorded",
    "debug": "use training.profile=true to look into a step",
    "use_cache": "an encoder generates nothing that a cache would help",
    "use_liger_kernel": _LIGER,
    "liger_kernel_config": _LIGER,
    "optim_target_modules": _PROJECTION,
    "parallelism_config": _WHOLE_ON_EACH,
    "fsdp": _WHOLE_ON_EACH,
    "fsdp_config": _WHOLE_ON_EACH,
    "deepspeed": _WHOLE_ON_EACH,
    "local_rank": "torchrun says it",
}

_CHECKPOINTING_OPTIONS = {
    "use_reentrant": bool,
    "preserve_rng_state": bool,
    "determinism_check": str,
    "early_stop": bool,
    "debug": bool,
}
_OF_WORKERS = ("dataloader_persistent_workers", "dataloader_prefetch_factor", "dataloader_multiprocessing_context")
REPORTERS = ("tensorboard", "wandb", "mlflow", "trackio")


@functools.cache
def training_rules() -> dict[str, str]:
    """Name and rule of every key of ``training`` that can be set."""
    installed = {name: rule for name, rule in _fields().items() if name not in DECIDED_BY_THE_RUN}
    return installed | {name: rule for name, rule in WORKS.items() if name in installed} | OURS


@functools.cache
def listed_keys() -> frozenset[str]:
    """The keys that conf/training lists, and that every run's config therefore has."""
    return frozenset(map(str, OmegaConf.load(CONF / "training" / "default.yaml")))


@functools.cache
def _fields() -> dict[str, str]:
    """TrainingArguments' fields with the rules of their annotations."""
    found = training_class()
    if found is None:
        raise UserError("the package transformers is not installed: pip install -r requirements.txt")
    return {
        node.target.id: _rule_of(ast.unparse(node.annotation))
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_")
    }


def _rule_of(annotation: str) -> str:
    """``int | None`` -> ``int | null``; a part of an annotation that is no plain type passes any text or map."""
    plain = {"int": "int", "float": "float", "bool": "bool", "str": "str", "None": "null", "list[str]": "list[str]"}
    parts = [plain.get(part.strip(), "str | map") for part in annotation.split("|")]
    return " | ".join(parts)


def check_training(training: Mapping[str, Any]) -> None:
    """Check what no rule of a single key says: packages, and keys that need or exclude each other.

    Raises:
        UserError: naming the key, the reason and what would be accepted.
    """
    check_optimizer(training)
    check_schedule(training)
    _check_reporters(training["report_to"])
    if not training.get("dataloader_num_workers"):
        for key in _OF_WORKERS:
            if training.get(key):
                raise UserError(f"training.{key}={training[key]} needs training.dataloader_num_workers >= 1")
    for key in ("torch_compile_backend", "torch_compile_mode"):
        if training.get(key) is not None and not training.get("torch_compile"):
            raise UserError(f"training.{key}={training[key]} needs training.torch_compile=true")
    if training.get("torch_compile_mode") and training.get("torch_compile_backend") not in (None, "inductor"):
        raise UserError("training.torch_compile_mode is of training.torch_compile_backend=inductor alone")
    _check_checkpointing(training)


def _check_checkpointing(training: Mapping[str, Any]) -> None:
    options = training.get("gradient_checkpointing_kwargs")
    if options and not training.get("gradient_checkpointing"):
        raise UserError("training.gradient_checkpointing_kwargs needs training.gradient_checkpointing=true")
    for key, value in (options or {}).items():
        kind = _CHECKPOINTING_OPTIONS.get(key)
        if kind is None:
            choices = ", ".join(_CHECKPOINTING_OPTIONS)
            raise UserError(f"training.gradient_checkpointing_kwargs: there is no {key}; choices: {choices}")
        if not isinstance(value, kind) or (kind is str and value not in ("default", "none")):
            rule = "bool" if kind is bool else "default | none"
            raise UserError(f"training.gradient_checkpointing_kwargs.{key}={value!r} breaks the rule: {rule}")


def _check_reporters(report_to: str | list[str]) -> None:
    for name in [report_to] if isinstance(report_to, str) else report_to:
        if name == "none":
            continue
        if name not in REPORTERS:
            raise UserError(f"training.report_to={name}: unknown; choices: none, {', '.join(REPORTERS)}")
        if importlib.util.find_spec(name) is None:
            raise UserError(f"training.report_to={name} needs a package that is not installed: pip install {name}")
