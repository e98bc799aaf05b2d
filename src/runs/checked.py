"""What can be said of a job before anything heavy is imported: its config, and the run that it starts from."""

from pathlib import Path

from omegaconf import DictConfig

from src.config import validate
from src.runs.layout import RESULT
from src.runs.reading import load_record
from src.utils.errors import UserError


def check_job(cfg: DictConfig) -> dict[str, object]:
    """Check a composed config, and that ``init_from``, if it has one, is a finished run.

    Returns:
        The config as plain containers, interpolations resolved.

    Raises:
        UserError: for the first thing that is wrong.
    """
    plain = validate(cfg)
    if (run := plain["init_from"]) is None:
        return plain
    folder = Path(run).expanduser()
    try:
        status = load_record(folder).status
    except (OSError, ValueError) as error:
        raise UserError(f"init_from={run} is not a run folder: {folder / RESULT} cannot be read ({error})") from error
    if status != "ok":
        raise UserError(f"init_from={run}: that run's status is {status!r}; only a finished run has an adapter")
    return plain
