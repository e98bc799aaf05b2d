"""One job: from a composed config to a finished run folder."""

from pathlib import Path

from omegaconf import DictConfig

from src.config import validate
from src.training.record import Record


def run_job(cfg: DictConfig, folder: str | Path) -> float:
    """Train what the config describes and leave the record in the folder.

    Returns:
        The primary metric on the evaluation split, at the selected epoch.

    Raises:
        UserError: on a mistake in the config; the record's status is then ``failed``, as after any exception.
    """
    with Record(Path(folder), cfg) as record:
        validate(cfg)
        record.describe_environment()
        # torch and transformers are imported only now: a wrong config is refused in a second.
        from src.training.fit import fit

        return fit(cfg, record)
