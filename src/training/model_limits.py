"""What a model cannot be trained with, found out before the first step and told in one line."""

from typing import Any

import torch
import transformers
from transformers import TrainingArguments

from src.backbones.probe import probe_batch
from src.utils.errors import UserError, in_short
from src.utils.seeding import seeded


def check_limits(model: Any, args: TrainingArguments) -> None:
    """Refuse settings that a model's class has no code for.

    Raises:
        UserError: if it has no gradient checkpointing and that is asked for, or cannot be computed in bf16 on the CPU.
    """
    if args.activation_checkpointing and not model.supports_gradient_checkpointing:
        raise UserError(
            f"training.gradient_checkpointing=true: transformers {transformers.__version__} has none for "
            f"{model.config.model_type}; a smaller training.per_device_train_batch_size with "
            "training.gradient_accumulation_steps saves memory, too"
        )
    if args.bf16 and args.device.type == "cpu":
        _try_bf16(model)


def _try_bf16(model: Any) -> None:
    """Compute a small batch, forwards and backwards, as training will; gradients are as they were afterwards."""
    training = model.training
    held = [(parameter, parameter.grad) for parameter in model.parameters()]
    try:
        with seeded(0, "probe"), torch.autocast("cpu", torch.bfloat16):
            logits = model.eval()(**probe_batch(model)).logits
        if logits.requires_grad:
            logits.sum().backward()
    except Exception as error:  # whatever a model of other people's making does with two precisions
        raise UserError(
            f"training.precision=bf16: {model.config.model_type} cannot be computed in it ({in_short(error)}); "
            "choices: fp32"
        ) from error
    finally:
        model.train(training)
        for parameter, gradient in held:
            parameter.grad = gradient
