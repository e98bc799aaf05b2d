"""``best/``: the run that is recommended, merged into a plain model where it can be, and how to use it."""

import shutil
from pathlib import Path

from src.deploy.merge import merge_run
from src.runs.reading import find_runs
from src.runs.run_record import RunRecord
from src.study.answer import recommended
from src.study.evidence import read_evidence
from src.study.locked_plan import read_plan
from src.study.study_report import judged_rows
from src.training.selection import HOLDOUT
from src.utils.errors import UserError
from src.utils.files import filled

BEST, RUN, MODEL = "best", "run", "model"


def keep_best(folder: Path) -> tuple[Path, Path | None]:
    """Copy the recommended method's run with the best held-out score to ``best/run``, and merge it to ``best/model``.

    Returns:
        The copy, and the merged model; None where the method cannot be merged.

    Raises:
        UserError: if the study has no answer yet.
    """
    plan, evidence = read_plan(folder), read_evidence(folder)
    (judged,) = judged_rows(plan, evidence, folder).values()
    chosen = recommended(plan.question, judged)
    runs = find_runs([Path(name) for name in chosen.row.folders])
    best = max(runs, key=lambda run: _held_out(run.record))
    target = folder / BEST / RUN
    if not target.exists():
        with filled(target) as made:
            shutil.copytree(best.folder, made, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock*", ".reserve*"))
    model = folder / BEST / MODEL
    try:
        if not model.exists():
            merge_run(target, model)
    except UserError as error:
        if "cannot be merged" not in str(error):
            raise
        return target, None
    return target, model


def _held_out(record: RunRecord) -> float:
    score = record.scores(HOLDOUT).get(record.primary_metric.name)
    return float("-inf") if score is None else float(score)
