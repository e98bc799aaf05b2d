"""Whether a run folder is what the run left, and its scores those of its predictions: nothing is trained or loaded."""

from collections.abc import Iterator

from src.compare.verified import agrees, score, tolerance
from src.runs.identity import config_hash
from src.runs.layout import PREDICTIONS, RESULT
from src.runs.predictions_reading import Predictions, PredictionsError, read_split
from src.runs.reading import Run
from src.runs.run_record import RunRecord
from src.runs.seal import broken_seals, without_weights
from src.utils.errors import in_short
from src.verify.finding import Finding, Verdict

NO_SEAL = "the record holds no hashes of the files (an older run, or an imported one)"


def check_run(name: str, run: Run) -> Iterator[Finding]:
    """What is wrong with a finished run's folder, and what of it could be checked.

    Args:
        name: the run's, for messages.
        run: with a sound record whose status is ``ok``.
    """
    broken = list(broken_seals(run.folder, run.record))
    for file, said in broken:
        yield Finding(name, file, Verdict.DIFFERENT, said)
    if run.record.seal.content and not broken:
        weights = ", without the weights" if without_weights(run.folder) else ""
        yield Finding(name, "files", Verdict.EQUAL, f"as the run left them, by their hashes{weights}")
    config = run.record.config.content
    if config and config_hash(config) != run.record.config_hash:
        yield Finding(name, RESULT, Verdict.DIFFERENT, "its config is not that of its config_hash")
    yield from _scores(name, run)


def _scores(name: str, run: Run) -> Iterator[Finding]:
    """Every score at the selected epoch that predictions and labels give, held against the record's."""
    checked = wrong = 0
    splits: dict[str, Predictions] = {}
    for key, (metric, split) in scores_of(run.record).items():
        recorded = run.score(key)
        if recorded is None:
            continue
        try:
            if split not in splits:
                splits[split] = read_split(run.folder, split)
            given = score(metric, splits[split])
        except PredictionsError as error:
            yield Finding(name, PREDICTIONS, Verdict.UNKNOWN, f"{error}, so {key} cannot be computed again")
            return
        except Exception as error:  # of a stranger's numbers
            yield Finding(name, PREDICTIONS, Verdict.UNKNOWN, f"{key} cannot be computed: {in_short(error)}")
            return
        if not agrees(metric, given, recorded):
            said = f"the record says {key} {recorded:.6g}, and the predictions give {given:.6g}"
            yield Finding(name, f"{RESULT} or {PREDICTIONS}", Verdict.DIFFERENT, said)
            wrong += 1
        checked += 1
    if checked and not wrong:
        yield Finding(name, "scores", Verdict.EQUAL, f"{checked} computed again from the predictions")
    elif not checked:
        yield Finding(name, "scores", Verdict.UNKNOWN, "no score of the record can be computed from predictions")
    own = run.score(run.record.primary_metric.name)
    if own is not None and own != run.record.primary_metric.value:
        yield Finding(name, RESULT, Verdict.DIFFERENT, "primary_metric.value is not that of metrics.selected")


def scores_of(record: RunRecord) -> dict[str, tuple[str, str]]:
    """Metric and split of each score that can be computed again, by the score's name in ``metrics.selected``.

    Of one task these are ``METRIC`` and ``METRIC/SPLIT``, of a mix ``TASK/METRIC`` and ``TASK/METRIC/SPLIT``.
    """
    first, tasks = record.primary_metric.split or "", record.tasks
    found = {}
    for key in record.scores():
        task, _, rest = str(key).partition("/") if tasks else ("", "", str(key))
        metric, _, split = rest.partition("/")
        where = f"{task}/{split or 'validation'}" if tasks else split or first
        if tolerance(metric) is not None and (not tasks or task in tasks):
            found[str(key)] = (metric, where)
    return found
