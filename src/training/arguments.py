"""From ``conf/training`` to transformers.TrainingArguments."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import Trainer, TrainingArguments, get_scheduler

from src.config.optimizers import PAIRED
from src.config.training_keys import OURS
from src.utils.errors import UserError
from src.utils.seeding import derive


def training_arguments(cfg: Mapping[str, Any], folder: Path, seed: int) -> TrainingArguments:
    """The Trainer's settings: the user's, and those that the run decides.

    Raises:
        UserError: if the precision is not to be had here, or TrainingArguments refuses a value.
    """
    given = {key: value for key, value in cfg.items() if key not in OURS}
    if given.get("optim") in PAIRED:  # AdamW, but for what the trainer does to it
        given |= {"optim": "adamw_torch", "optim_args": None}
    checkpointing, options = (
        given.pop("gradient_checkpointing", False),
        given.pop("gradient_checkpointing_kwargs", None),
    )
    if checkpointing:
        given["activation_checkpointing"] = True  # its newer name in transformers
        # The reentrant kind gives no gradients at all where a block's inputs need none, as over a frozen embedding.
        given["activation_checkpointing_kwargs"] = {"use_reentrant": False} | (options or {})
    precision = resolve_precision(cfg.get("precision", "auto"), bool(cfg.get("use_cpu")))
    if precision == "bf16" and not torch.cuda.is_available():
        given["use_cpu"] = True  # TrainingArguments asks for the word
    if given.get("ddp_backend") and "RANK" not in os.environ:
        raise UserError(f"training.ddp_backend={given['ddp_backend']} is for several processes: torchrun starts them")
    try:
        args = TrainingArguments(
            **given,
            output_dir=str(folder),
            seed=derive(seed, "dropout"),
            data_seed=derive(seed, "data"),
            bf16=precision == "bf16",
            fp16=precision == "fp16",
            eval_strategy="epoch",
            save_strategy="no",
            logging_nan_inf_filter=False,  # a NaN loss has to be seen
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        _try_out(args)
    except (ValueError, TypeError, ImportError, OSError, RuntimeError) as error:
        raise UserError(f"training: {error}") from error
    return args


def _try_out(args: TrainingArguments) -> None:
    """Make the optimizer and the schedule once, for a single value: what they refuse is known before data and model."""
    model = nn.Linear(1, 1)
    cls, options = Trainer.get_optimizer_cls_and_kwargs(args, model)
    optimizer = cls(model.parameters(), **options)
    get_scheduler(
        args.lr_scheduler_type,
        optimizer,
        num_warmup_steps=args.get_warmup_steps(10),
        num_training_steps=10,
        scheduler_specific_kwargs=args.lr_scheduler_kwargs,
    )


def resolve_precision(wanted: str, use_cpu: bool = False) -> str:
    """``fp32``, ``bf16`` or ``fp16``; ``auto`` is bf16 where a GPU supports it, else fp32.

    Raises:
        UserError: if the hardware cannot compute in the precision.
    """
    cuda = torch.cuda.is_available() and not use_cpu
    gpu_bf16 = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    if wanted == "auto":
        return "bf16" if gpu_bf16 else "fp32"
    if wanted == "bf16" and not gpu_bf16 and (cuda or not cpu_computes_bf16()):
        device = torch.cuda.get_device_name() if cuda else "this CPU"
        raise UserError(f"training.precision=bf16: {device} does not compute in bfloat16; choices: auto, fp32")
    if wanted == "fp16" and not cuda:
        raise UserError("training.precision=fp16 needs a GPU, and none is used; choices: auto, fp32")
    return wanted


def cpu_computes_bf16() -> bool:
    """Whether the processor has bfloat16 or AVX-512 instructions; without them bf16 is emulated, at a loss."""
    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)  # private: where it is gone, fp32 is right
    return asked is not None and asked()
