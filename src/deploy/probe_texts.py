"""Texts on which two forms of one model are compared."""

import logging
from dataclasses import dataclass

from src.config.known_names import ForeignNameError
from src.data.load import load_data
from src.data.sources.synthetic import load_synthetic
from src.deploy.trained_run import TrainedRun
from src.utils.errors import UserError
from src.utils.foreign import opened

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Probe:
    """Texts for a run, and where they are from."""

    texts: list[str]
    pairs: list[str] | None
    source: str


def probe_texts(run: TrainedRun, rows: int) -> Probe:
    """The first rows of the run's evaluation split; where its data is out of reach, sentences of the embedded suite."""
    try:
        with opened(run.folder):
            data = load_data(run.config().data, holdout=False)
            split = data.task.evaluation_splits[0]
        chosen, source = data.splits[split], f"{data.task.name} {split}"
    except ForeignNameError:
        raise
    except UserError as error:
        log.info("the run's own data is out of reach (%s): compared on embedded text", error)
        chosen = load_synthetic(task="paraphrase", seed=0, train=1, validation=rows, test=1)["validation"]
        source = "synth_paraphrase validation"
    chosen = chosen.select(range(min(rows, len(chosen))))
    paired = "text_pair" in chosen.column_names and (run.text is None or len(run.text) > 1)
    if not paired and run.text is not None and len(run.text) > 1:
        raise UserError(f"{run.folder}: its record names two texts a row, and its data has one")
    return Probe(chosen["text"][:], chosen["text_pair"][:] if paired else None, source)
