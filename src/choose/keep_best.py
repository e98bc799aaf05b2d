"""``best/``: the run that is recommended, merged into a plain model where it can be, and how to use it."""

import shutil
from pathlib import Path

from src.deploy.merge import merge_run
from src.study.recommended_run import recommended_run
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
    best = recommended_run(folder)
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
