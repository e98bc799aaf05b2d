"""One job: from a composed config to a finished run folder."""

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from src.config import validate
from src.runs.record import CHECKPOINT, Record
from src.training.interrupt import interruptible

if TYPE_CHECKING:
    from src.commands.run import Before
    from src.packed.member import Member


def run_job(
    cfg: DictConfig, folder: str | Path, member: "Member | None" = None, before: "Before | None" = None
) -> float:
    """Train what the config describes and leave the record in the folder.

    A training of the same config, data and code that was cut short in this folder goes on from its checkpoint.

    Args:
        cfg: the composed config, without Hydra's node.
        folder: the run's.
        member: the job's place in a pack, if it is trained together with others.
        before: the folder as it was, which a mistake told before training leaves; None records the mistake.

    Returns:
        The primary metric on the evaluation split, at the selected epoch.

    Raises:
        UserError: on a mistake in the config. What only data or model reveal leaves a record whose status is
            ``failed``, as any exception does.
        Interrupted: after Ctrl-C or SIGTERM; the status is then ``interrupted``.
    """
    folder = Path(folder)
    validate(cfg)  # a config that is no config has no record
    with interruptible(), Record(folder, cfg, before) as record:
        record.describe_environment()
        resolved = resolve(cfg)
        record.identify(resolved)
        # torch and transformers are imported only now: a wrong config is refused in a second.
        from src.training.fit import fit
        from src.training.isolation import isolated

        # A pack is isolated as a whole: its jobs end in any order.
        with isolated() if member is None else nullcontext():
            value = fit(resolved, record, member)
    if record.writes:  # the record says "ok" now
        with suppress(OSError):  # a checkpoint that is left is not gone on with
            (folder / CHECKPOINT).unlink(missing_ok=True)
    return value


def resolve(cfg: DictConfig) -> DictConfig:
    """The config with its budget, if it has one, turned into a value of the method's own knob.

    Raises:
        UserError: if the method cannot keep the budget.
    """
    if cfg.budget.adapter_params is None and cfg.budget.match is None:
        return cfg
    from src.models.budget import apply_budget  # needs torch

    return apply_budget(cfg)
