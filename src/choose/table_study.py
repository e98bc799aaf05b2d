"""The study that ``choose`` runs: the table's task, the methods that may run, as many epochs as the time allows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from src.choose.field import BASELINE
from src.choose.guess_columns import Guess
from src.utils.keys import override

MARGIN = 0.02  # of accuracy, F1 or a correlation
SEEDS = 3
RACE = {"share": 0.34, "most": 3}
VALIDATION = 0.2  # of the rows judge
EXPERIMENTS = {"minilm": "experiment=minilm", "nano": "experiment=demo"}
LEAST_EPOCHS, MOST_EPOCHS = 1.0, 10.0


def task_overrides(file: Path, guess: Guess) -> list[str]:
    """The overrides that make a task of a table."""
    found = [
        "data=custom",
        override("data.files.train", str(file.absolute())),
        override("data.text", list(guess.text)),
        override("data.label", guess.label),
        override("data.validation_fraction", VALIDATION),
    ]
    if guess.kind is not None:
        found += [f"data.kind={guess.kind}", override("data.metrics", list(guess.metrics))]
        found += [f"data.primary_metric={guess.metrics[0]}"]
        if guess.cluster:
            found.append(override("data.cluster", guess.cluster))
        if guess.columns:
            found.append(override("data.label_names", list(guess.columns)))
    elif guess.classes is None:
        found += ["data.label_names=[]", "data.metrics=[pearson,mse]", "data.primary_metric=pearson"]
    elif guess.classes > 2:
        found += ["data.metrics=[accuracy,f1_macro]"]
    return found


def backbone_override(backbone: str) -> str:
    """The experiment that has learning rates for a backbone, or the backbone itself."""
    return EXPERIMENTS.get(backbone, f"backbone={backbone}")


def epochs_for(minutes: float, seconds: Mapping[str, float], epochs: float) -> float:
    """How many epochs fit into the time.

    Args:
        minutes: for all.
        seconds: of a run of each method with ``epochs`` epochs, the baseline's among them.
        epochs: that the seconds are of.
    """
    others = sorted((value for name, value in seconds.items() if name != BASELINE), reverse=True)
    lap = RACE["share"] * sum(seconds.values())
    confirmed = SEEDS * (seconds[BASELINE] + sum(others[: int(RACE["most"])]))
    fit = epochs * minutes * 60 / (lap + confirmed)
    return min(max(fit, LEAST_EPOCHS), MOST_EPOCHS)


def question(file: Path, guess: Guess, methods: Sequence[str], backbone: str, epochs: float) -> dict[str, object]:
    """The study as its YAML."""
    return {
        "question": f"Which way to adapt {backbone} to {file.name} should be used?",
        "methods": {name: [f"model=roberta_{name}"] for name in (BASELINE, *methods)},
        "tasks": {"table": task_overrides(file, guess)},
        "settings": [backbone_override(backbone), override("training.num_train_epochs", round(epochs, 2))],
        "baseline": BASELINE,
        "margin": MARGIN,
        "seeds": {"first": SEEDS},
        "race": RACE,
    }
