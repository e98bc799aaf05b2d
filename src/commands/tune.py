"""``python -m src tune OVERRIDES``: tune every method with the same number of trials, then compare the winners."""

import sys

from src.utils.errors import UserError

USAGE = """usage: python -m src tune model=roberta_lora,roberta_lsr experiment=demo tune.trials=12 [OVERRIDE ...]

Every method (model=a,b,c) gets the same number of trials over its own search space (model.search in its YAML). Trials
are judged on held-out training rows alone; the winner of each method is then trained with fresh seeds, and only these
runs are reported on the dev set. The same command with the same sweep.dir= goes on where it was cut short.

  tune.trials=20     trials per method
  tune.seeds=5       fresh seeds for each winner
  tune.repeats=1     independent tunings of each method; from 4 on the verdict is on the methods, not on settings
  tune.sampler=      random (default) | tpe
  tune.pruner=       none (default) | asha | median
  sweep.dir=FOLDER   where everything goes
  hydra/launcher=    where the runs go: serial, gpus, submitit_slurm, ray_cluster ...
"""


def main(arguments: list[str]) -> None:
    """Run the tuning sweep of main.py.

    Raises:
        UserError: if Optuna is not installed.
    """
    if not arguments or "-h" in arguments or "--help" in arguments:
        print(USAGE, end="")
        return
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise UserError("tuning needs Optuna: pip install -r requirements-sweep.txt") from error
    from main import main as app
    from src.cli import run_app
    from src.utils import resume_hint as resume

    sys.argv = ["main.py", "--multirun", "hydra/sweeper=tuning", *arguments]
    run_app(app, resume.python("-m", "src", "tune", *arguments))
