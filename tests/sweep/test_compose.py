"""A job composed by its kind is the job that Hydra composes."""

import itertools
import random

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from src.config.choices import choices
from src.sweep.compose import Composer, task_config
from src.utils.paths import CONF

VALUES = {
    "seed": ["0", "7"],
    "training.learning_rate": ["1e-4", "3.5e-3", "${training.weight_decay}"],
    "training.num_train_epochs": ["2", "0.5", "${data.holdout_fraction}"],
    "training.weight_decay": ["0.1", "0"],
    "training.report_to": ["[none]", "[]", "none"],
    "data.max_length": ["64", "128"],
    "data.text": ["[a]", "[a,b]"],
    "data.dir": ["null", "'a folder, with words'", "/x/y"],
    "backbone.path": ["null", "'a=b'"],
    "checkpoint.every": ["epoch", "5"],
    "budget.match": ["null", "roberta_lora"],
    "model.head.train": ["true", "false"],
    "sweep.fail_fast": ["true", "false"],
}
# What must not be taken for a value in the first job's place.
OTHERS = ["+new.key=1", "++seed=9", "hydra.job.chdir=false", "data.rows={train: 3}", "experiment=demo", "data=rte",
          "+training.fp16=true", "~data.rows", "hydra.verbose=false", "experiment=minilm"]  # fmt: skip


@pytest.fixture
def by_hydra():
    """Hydra's own composition of a sweep's job."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
        yield lambda overrides: loader.load_sweep_config(master, list(overrides))


def hydra_calls(compose):
    calls = []
    return (lambda overrides: calls.append(1) or compose(overrides)), calls


def test_jobs_of_a_sweep_are_composed_as_hydra_does(by_hydra, monkeypatch):
    """A sixth of the models, with every value of every key in turn and some other override in half of the jobs."""
    monkeypatch.setattr("secrets.token_hex", lambda size: "00")  # ${unique:}
    dice = random.Random(0)
    values = {key: itertools.cycle(found) for key, found in VALUES.items()}
    compose, calls = hydra_calls(by_hydra)
    composer = Composer(compose)
    jobs = []
    for model in choices("model")[::6]:
        keys = dice.sample(sorted(VALUES), 4)
        other = dice.choice(OTHERS) if dice.random() < 0.5 else "data=mrpc"
        for _ in range(3):
            own = [f"{key}={next(values[key])}" for key in keys]
            jobs += [[f"model={model}", other, *own]]
    for job in jobs:
        expected = by_hydra(job)
        expected_task = task_config(expected)
        for made, wanted in ((composer(job), expected), (composer.task(job), expected_task)):
            made_plain, wanted_plain = (OmegaConf.to_container(c, resolve=False) for c in (made, wanted))
            assert made_plain == wanted_plain, job
            assert OmegaConf.is_struct(made) == OmegaConf.is_struct(wanted)
    assert len(calls) < 0.7 * len(jobs), "most of them from the first of their kind"


@pytest.mark.parametrize(
    "jobs",
    [
        [["model=roberta_lora", "model.lora.r=4"], ["model=roberta_lora", "model.lora.r=16"]],
        [["experiment=demo", "seed=1"], ["experiment=demo", "seed=2"]],
        [["data=mix", "data.tasks=[mrpc,rte]"], ["data=mix", "data.tasks=[sst2,cola,rte]"]],
        [["model=roberta_peft_lora", "model.peft.r=4"], ["model=roberta_peft_lora", "model.peft.r=${seed}"]],
    ],
    ids=["tied alpha", "recipe by model", "records of tasks", "interpolation"],
)
def test_what_refers_to_a_value_follows_it(jobs, by_hydra):
    compose, calls = hydra_calls(by_hydra)
    composer = Composer(compose)
    for own in jobs:
        job = [*own, "sweep.dir=there"]  # by default it holds the time
        task = composer.task(job)
        wanted = task_config(by_hydra(job))
        assert OmegaConf.to_container(task, resolve=True) == OmegaConf.to_container(wanted, resolve=True)
    assert len(calls) == 1


def test_jobs_do_not_share_what_can_be_changed(by_hydra):
    composer = Composer(by_hydra)
    one, two = composer.task(["seed=1"]), composer.task(["seed=2"])
    one.training.learning_rate = 7.0
    assert two.training.learning_rate != 7.0 and composer.task(["seed=3"]).training.learning_rate != 7.0


def test_a_key_that_does_not_exist_is_refused_as_by_hydra(by_hydra):
    from hydra.errors import HydraException

    composer = Composer(by_hydra)
    for value in (1, 2):
        with pytest.raises(HydraException, match="Could not override"):
            composer.task([f"model.nothing={value}"])


def test_of_a_key_that_stands_twice_the_last_wins(by_hydra):
    composer = Composer(by_hydra)
    for pair in (["seed=1", "seed=2"], ["seed=3", "seed=4"]):
        assert composer.task(pair).seed == by_hydra(pair).seed
