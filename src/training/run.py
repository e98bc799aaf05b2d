"""One job: from a composed config to a finished run folder."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from src.runs.checked import check_job
from src.runs.claim import claimed
from src.runs.record import Record
from src.training.execution import ALONE, Execution
from src.training.interrupt import interruptible
from src.utils import fence

if TYPE_CHECKING:
    from src.runs.before import Before


def run_job(cfg: DictConfig, folder: str | Path, execution: Execution = ALONE, before: "Before | None" = None) -> float:
    """Train what the config describes and leave the record in the folder.

    A training of the same config, data and code that was cut short in this folder goes on from its checkpoint.

    Args:
        cfg: the composed config, without Hydra's node.
        folder: the run's.
        execution: how its steps are computed.
        before: the folder as it was, which a mistake told before training leaves; None records the mistake.

    Returns:
        The primary metric on the evaluation split, at the selected epoch.

    Raises:
        UserError: on a mistake in the config, or a folder that holds what is not this program's, or in which another
            process works. What only data or model reveal leaves a record whose status is ``failed``, as any exception
            does.
        Interrupted: after Ctrl-C or SIGTERM; the status is then ``interrupted``.
    """
    folder = Path(folder)
    check_job(cfg)  # a config that is no config has no record
    claim = claimed(folder) if fence.writes() else nullcontext()
    with interruptible(), claim, Record(folder, cfg, before) as record:
        record.describe_environment()
        resolved = resolve(cfg)
        record.identify(resolved)
        # torch and transformers are imported only now: a wrong config is refused in a second.
        from src.training.fit import fit

        with execution.isolated():
            return fit(resolved, record, execution)


def resolve(cfg: DictConfig) -> DictConfig:
    """The config with its budget, if it has one, turned into a value of the method's own knob.

    Raises:
        UserError: if the method cannot keep the budget.
    """
    if cfg.budget.adapter_params is None and cfg.budget.match is None:
        return cfg
    from src.models.budget import apply_budget  # needs torch

    return apply_budget(cfg)
