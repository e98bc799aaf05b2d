"""``python -m src study NAME``: a question with its locked plan, its runs, and the answer."""

import sys
from collections.abc import Sequence
from pathlib import Path

from src.utils import resume_hint as resume
from src.utils.errors import UserError
from src.utils.keys import override

USAGE = """usage: python -m src study NAME|FILE.yaml|FOLDER [plan|run|report|habits|pack] [OVERRIDE ...]

A study is a question with its plan: methods, tasks, seeds, margin, baseline. Its YAML stands in conf/study, or anywhere
else.

  plan     print the runs, the hours, and what difference the study will be able to show; nothing is kept
  run      (default) lock the plan, tune every arm alike, train fresh seeds look by look until each row is settled
  report   the answer from what has run: words, table, report.html
  habits   what one seed, the best epoch, or one learning rate for all would have claimed from the same runs
  pack     one archive for others: plan, records, predictions, report; with --weights the trained values, too

  study.KEY=VALUE  in place of what the study's file says: study.margin=0.02 study.seeds.most=10 study.tuning.trials=8
  sweep.dir=FOLDER where everything goes (default: multirun/study_NAME); the same command goes on there
  hydra/launcher=  where the runs go: serial, gpus, packed, submitit_slurm, ray_cluster ...
  KEY=VALUE        of every run

"""
AFTER = ("report", "habits", "pack")  # of what has run
ACTIONS = ("plan", "run", *AFTER)
WEIGHTS = "--weights"  # of pack


def main(arguments: list[str], command: Sequence[str] | None = None) -> None:
    """Plan, run, report or pack a study, or hold it against common habits.

    Args:
        arguments: after ``study``.
        command: what the user called in their place, if it was another command: it is what goes on with the study.

    Raises:
        UserError: if there is no such study, or its folder holds none.
    """
    if not arguments or "-h" in arguments or "--help" in arguments:
        from src.config.choices import described

        print(f"{USAGE}Studies:\n{described('study')}")
        return
    name, action, overrides = parse(arguments)
    if action in AFTER:
        _after(name, action, overrides)
    else:
        _run(name, action, overrides, command or resume.python("-m", "src", "study", *arguments), command is not None)


def parse(arguments: list[str]) -> tuple[str, str, list[str]]:
    """The study, what to do with it, and the overrides.

    Raises:
        UserError: unless there is one study, and at most one thing to do.
    """
    words = [word for word in arguments if "=" not in word and not word.startswith(("-", "~"))]
    names = [word for word in words if word not in ACTIONS]
    actions = [word for word in words if word in ACTIONS] or ["run"]
    if len(names) != 1 or len(actions) != 1:
        raise UserError(f"study {' '.join(words)}: one study and at most one of {', '.join(ACTIONS)}")
    return names[0], actions[0], [word for word in arguments if word not in words]


def _run(name: str, action: str, overrides: list[str], command: Sequence[str], as_it_is: bool) -> None:
    from main import main as app
    from src.cli import run_app
    from src.study.question import load_question

    changes = [word for word in overrides if word.startswith("study.")]
    question = load_question(name, changes)
    rest = [word for word in overrides if word not in changes]
    if not any(word.startswith("sweep.dir=") for word in rest):
        rest.append(override("sweep.dir", str(default_folder(question.name))))
    hydra = {"study": name, "action": action, "changes": changes}
    own = [override(f"hydra.sweeper.{key}", value) for key, value in hydra.items()]
    sys.argv = ["main.py", "--multirun", "hydra/sweeper=study", *own, *rest]
    run_app(app, command, as_it_is)


def default_folder(name: str) -> Path:
    """Where a study goes, relative to the working folder."""
    return Path("multirun") / f"study_{name}"


def _after(name: str, action: str, overrides: list[str]) -> None:
    from src.study.pack_study import pack_study
    from src.study.question import load_question
    from src.study.show_habits import show_habits
    from src.study.study_report import report_study

    given = [word.partition("=")[2] for word in overrides if word.startswith("sweep.dir=")]
    folder = Path(given[-1] if given else name).expanduser()
    if not given and not folder.is_dir():
        folder = default_folder(load_question(name).name)
    flags = {WEIGHTS} if action == "pack" else set()
    if unknown := [word for word in overrides if not word.startswith("sweep.dir=") and word not in flags]:
        raise UserError(f"study {action} takes no {unknown[0]}: the plan is locked, and the runs are what they are")
    if action == "pack":
        pack_study(folder, weights=WEIGHTS in overrides)
    else:
        {"report": report_study, "habits": show_habits}[action](folder)
