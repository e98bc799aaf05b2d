"""Which of the Trainer's private parts, that ours builds on, the installed transformers still has.

A part is there if the Trainer defines it with the parameters that we know, and uses it: a method that nobody calls any
more, or a counter under another name, would leave a run with numbers that nobody sees are wrong.
"""

import functools
import inspect
from types import FunctionType

from transformers import Trainer

# What continuing an unfinished run needs: methods with their parameters, and attributes (None).
RESUME: dict[str, tuple[str, ...] | None] = {
    "_save_checkpoint": ("self", "model", "trial"),
    "_load_from_checkpoint": ("self", "resume_from_checkpoint", "model"),
    "_load_optimizer_and_scheduler": ("self", "checkpoint"),
    "_load_scaler": ("self", "checkpoint"),
    "_load_rng_state": ("self", "checkpoint"),
    "_evaluate": ("self", "trial", "ignore_keys_for_eval", "skip_scheduler"),
    "_run_epoch": (),
    "_tr_loss": None,
    "_total_loss_scalar": None,
    "_globalstep_last_logged": None,
}
# What the order of the rows needs, in training and beside predictions.
ORDER: dict[str, tuple[str, ...] | None] = {
    "_get_train_sampler": ("self", "train_dataset"),
    "_get_eval_sampler": ("self", "eval_dataset"),
}
# What the mean over accumulated batches needs.
ACCUMULATION: dict[str, tuple[str, ...] | None] = {"model_accepts_loss_kwargs": None}


def missing(parts: dict[str, tuple[str, ...] | None], trainer: type = Trainer) -> list[str]:
    """The names of those parts that the Trainer lacks, or takes for something else; sorted.

    Args:
        parts: one of the tables above; an empty tuple stands for any parameters.
        trainer: the library's class.
    """
    used = _names_used(trainer)
    return sorted(name for name, known in parts.items() if name not in used or not _as_known(trainer, name, known))


def _as_known(trainer: type, name: str, known: tuple[str, ...] | None) -> bool:
    if known is None:
        return True
    method = getattr(trainer, name, None)
    return callable(method) and (not known or tuple(inspect.signature(method).parameters) == known)


@functools.cache
def _names_used(trainer: type) -> frozenset[str]:
    """Every attribute's name that a method of the class reads or writes."""
    methods = (inspect.unwrap(value) for value in vars(trainer).values() if callable(value))
    return frozenset(
        name for method in methods if isinstance(method, FunctionType) for name in method.__code__.co_names
    )
