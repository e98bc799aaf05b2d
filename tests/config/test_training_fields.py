"""Every field of TrainingArguments works in a real run, or is refused with a reason."""

import copy
import inspect

import pytest
from transformers import SchedulerType, TrainingArguments
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION
from transformers.training_args import OptimizerNames

from src.config import optimizers, validate
from src.config.training_keys import DECIDED_BY_THE_RUN, OURS, WORKS, listed_keys, training_rules
from src.utils.errors import UserError
from tests.conftest import compose_config

FIELDS = {name for name in TrainingArguments.__dataclass_fields__ if not name.startswith("_")}


def test_every_field_of_the_installed_version_is_decided():
    """A new version of transformers makes this fail: try the field in a run, then put it into one of the tables."""
    assert not FIELDS - set(WORKS) - set(DECIDED_BY_THE_RUN) - {"deepspeed_plugin"}
    assert not set(WORKS) & set(DECIDED_BY_THE_RUN)
    assert set(training_rules()) == (FIELDS & set(WORKS)) | set(OURS)
    assert listed_keys() <= set(training_rules())


def test_a_field_that_no_table_knows_has_the_rule_of_its_annotation(monkeypatch):
    from src.config import training_keys as module

    module.training_rules.cache_clear()
    monkeypatch.setattr(module, "_fields", lambda: {"new_field": "int | null", "seed": "int"})
    rules = module.training_rules()
    module.training_rules.cache_clear()
    assert rules["new_field"] == "int | null" and "seed" not in rules


@pytest.fixture(scope="module")
def config():
    return compose_config()


@pytest.mark.parametrize("field", sorted(FIELDS & set(DECIDED_BY_THE_RUN)))
def test_what_the_run_decides_is_refused_with_the_reason(field, config):
    config = copy.copy(config)
    config.training = {**config.training, field: "x"}
    with pytest.raises(UserError) as refused:
        validate(config)
    assert str(refused.value) == f"training.{field} cannot be set: {DECIDED_BY_THE_RUN[field]}"


@pytest.mark.parametrize(
    ("enum", "works", "refused"),
    [
        (OptimizerNames, optimizers.OPTIMIZERS, optimizers.REFUSED_OPTIMIZERS),
        (SchedulerType, optimizers.SCHEDULES, optimizers.REFUSED_SCHEDULES),
    ],
)
def test_every_optimizer_and_schedule_is_decided(enum, works, refused):
    assert {member.value for member in enum} == set(works) | set(refused)
    assert not set(works) & set(refused)


@pytest.mark.parametrize("name", optimizers.SCHEDULES)
def test_the_options_of_a_schedule_are_its_functions_arguments(name):
    """The rate itself, the step counts and where it starts are the Trainer's; the rest is the user's."""
    arguments = set(inspect.signature(TYPE_TO_SCHEDULER_FUNCTION[SchedulerType(name)]).parameters)
    decided = {"optimizer", "num_warmup_steps", "num_training_steps", "last_epoch"}
    assert set(optimizers.SCHEDULES[name]) == arguments - decided


WRONG = {
    "schedule": ("lr_scheduler_type=zigzag", "breaks the rule: linear | cosine"),
    "plateau": ("lr_scheduler_type=reduce_lr_on_plateau", "cannot be used"),
    "no floor": ("lr_scheduler_type=cosine_with_min_lr", "needs one of min_lr and min_lr_rate"),
    "no decay": ("lr_scheduler_type=warmup_stable_decay", "needs num_decay_steps"),
    "option of none": ("lr_scheduler_kwargs={power:2}", "training.lr_scheduler_type=linear has no options"),
    "unknown option": (
        "lr_scheduler_type=polynomial training.lr_scheduler_kwargs={powr:2}",
        "did you mean training.lr_scheduler_kwargs.power",
    ),
    "option's value": ("lr_scheduler_type=polynomial training.lr_scheduler_kwargs={power:-1}", "rule: float > 0"),
    "end above start": ("lr_scheduler_type=polynomial training.learning_rate=1e-8", "has to be below"),
    "optimizer": ("optim=adam", "breaks the rule: adamw_torch | "),
    "refused optimizer": ("optim=galore_adamw", "cannot be used: it projects"),
    "optimizer's option": ("optim=sgd training.optim_args='moment=0.9'", "takes no moment; choices: momentum"),
    "option's number": ("optim=sgd training.optim_args='momentum=much'", "momentum=much breaks the rule: float >= 0"),
    "option without a value": ("optim=sgd training.optim_args=momentum", "momentum= breaks the rule"),
    "no options": ("optim_args='momentum=0.9'", "training.optim=adamw_torch takes no momentum; choices: none"),
    "workers": ("dataloader_persistent_workers=true", "needs training.dataloader_num_workers >= 1"),
    "prefetch": ("dataloader_prefetch_factor=2", "needs training.dataloader_num_workers >= 1"),
    "start method": ("dataloader_multiprocessing_context=spwan", "fork | spawn | forkserver"),
    "compile": ("torch_compile_backend=eager", "needs training.torch_compile=true"),
    "compile's mode": ("torch_compile=true training.torch_compile_mode=fast", "default | reduce-overhead"),
    "checkpointing": ("gradient_checkpointing_kwargs={use_reentrant:false}", "needs training.gradient_checkpointing"),
    "checkpointing's key": (
        "gradient_checkpointing=true training.gradient_checkpointing_kwargs={nope:1}",
        "there is no nope; choices: use_reentrant",
    ),
    "beta": ("adam_beta2=1", "training.adam_beta2=1 breaks the rule: 0 <= float < 1"),
    "noise": ("neftune_noise_alpha=-1", "float > 0 | null"),
    "log level": ("log_level=loud", "passive | debug"),
    "tokens seen": ("include_num_input_tokens_seen=some", "bool | no | all | non_padding"),
    "no reporter": ("report_to=null", "breaks the rule: str | list[str]"),
    "accumulation": ("eval_accumulation_steps=0", "int >= 1 | null"),
    "backend": ("ddp_backend=tcp", "nccl | gloo | mpi | null"),
    "a billion epochs": ("num_train_epochs=1e9", "at most 100,000"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_refused_by_validate(case):
    values, message = WRONG[case]
    with pytest.raises(UserError) as refused:
        validate(compose_config(*f"training.{values}".split()))
    assert message in str(refused.value)


@pytest.mark.parametrize("name", [name for name, package in optimizers.OPTIMIZERS.items() if package])
def test_an_optimizer_without_its_package_is_refused(name, monkeypatch):
    monkeypatch.setattr(optimizers.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(UserError, match=f"training.optim={name} needs a package that is not installed: pip install "):
        optimizers.check_optimizer({"optim": name})


def test_smoothing_is_for_classes():
    smooth = "training.label_smoothing_factor=0.1"
    validate(compose_config("experiment=demo", smooth))
    with pytest.raises(UserError, match="synth_similarity is a regression"):
        validate(compose_config("experiment=demo", "data=synth_similarity", smooth))


# A run with each, at once where they do not touch each other; what a value does is the library's affair.
RUNS = {
    "schedules": ("lr_scheduler_type=warmup_stable_decay training.lr_scheduler_kwargs={num_decay_steps:2} "
                  "training.optim=sgd training.optim_args='momentum=0.9,nesterov=true' training.tf32=false "
                  "training.logging_strategy=epoch training.eval_accumulation_steps=1 training.full_determinism=true "
                  "training.include_num_input_tokens_seen=non_padding training.torch_empty_cache_steps=1"),
    "workers": ("dataloader_num_workers=1 training.dataloader_persistent_workers=true "
                "training.dataloader_prefetch_factor=2 training.dataloader_multiprocessing_context=fork "
                "training.lr_scheduler_type=cosine_with_min_lr training.lr_scheduler_kwargs={min_lr_rate:0.1} "
                "training.optim=rmsprop training.optim_args='centered=true' training.log_level=error"),
    "model": ("gradient_checkpointing=true training.gradient_checkpointing_kwargs={preserve_rng_state:true} "
              "training.neftune_noise_alpha=5 training.label_smoothing_factor=0.1 training.logging_first_step=true "
              "training.ddp_find_unused_parameters=false training.ddp_timeout=60 training.use_cpu=true "
              "training.lr_scheduler_type=polynomial training.lr_scheduler_kwargs={power:2} training.optim=adafactor"),
}  # fmt: skip


@pytest.mark.parametrize(
    "case", [pytest.param(name, marks=[] if name == "workers" else pytest.mark.slow) for name in RUNS]
)
def test_what_is_accepted_runs(case, train):
    overrides = [f"training.{text.removeprefix('training.')}" for text in RUNS[case].split(" ")]
    folder = train("data.max_train_samples=40", "data.max_eval_samples=17", "training.max_steps=3", *overrides)
    assert (folder / "predictions.parquet").exists()
