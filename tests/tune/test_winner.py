"""A winner's written config composes to what it was trained with, key by key; its name needs no quotes."""

import re
from functools import cache

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution

from src.cli import open_training
from src.config.choices import choices
from src.tune.arm import name_arms
from src.tune.space import as_overrides
from src.tune.winner import check_writable, write_winner
from src.utils.errors import UserError
from src.utils.keys import override
from src.utils.paths import CONF

MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml") if "_peft_" not in path.stem)
DATA = choices("data")
EXPERIMENTS = ("demo", "pypi_real", "lora_paper_cola")
WORDS = [
    "a b", "it's", 'say "no"', "a,b", "a=b", "[x]", "{x}", "${seed}", "1e-4", "null", "true", "~/x", "é", "a\\",
    "a\\'b", "a: b", "# c", "- d", "%", "*", "", " ", "007", "C:\\x", "tab\there",
]  # fmt: skip
ARMS = [
    *([f"data={data}", f"model={MODELS[i % len(MODELS)]}"] for i, data in enumerate(DATA)),
    *([f"experiment={name}", "model=roberta_lsr"] for name in EXPERIMENTS),
    ["model.lora.target_modules=[query,key,value]", "data.max_train_samples=64", "training.num_train_epochs=1"],
    ["training.learning_rate=${model.learning_rate}", "model.learning_rate=0.00012345678", "training.warmup_steps=1"],
    [
        "experiment=demo",
        "training.learning_rate=1e-4",
        "seed=7",
        "training.warmup_steps=1.0",
        "backbone.fast_paths=false",
    ],
    ["data=custom", "data.label_names=[]", "data.files.train=x.csv", "data.text=[a,b]", "model.head.train=false"],
    ["data=custom", "data.path=a/b", override("data.label_names", [word for word in WORDS if "$" not in word])],
    [
        "+training.lr_scheduler_kwargs={num_cycles:2}",
        "++training.label_smoothing_factor=0.1",
        "training.adam_beta2=0.98",
    ],
    ["model=roberta_peft", "model.peft._target_=peft.BOFTConfig", "+model.peft.boft_block_size=8"],
    ["model=roberta_lsr", "model.lsr.factor_a=[32,24]", "budget.adapter_params=8000", "checkpoint.every=never"],
    ["data=mix", "data.tasks=[mrpc,rte]", "data.mix.sampling=temperature", override("init_from", "it's a=[\\")],
]


@cache
def composed(*overrides: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=[*map(open_training, overrides)], return_hydra_config=True)


def values(config) -> dict:
    left_out = ("hydra", "sweep", "tune", "watch")  # of the tuning itself
    kept = OmegaConf.masked_copy(config, [key for key in config if key not in left_out])
    kept._set_flag("readonly", False)
    return OmegaConf.to_container(OmegaConf.merge({"sweep": {}}, kept), resolve=True)


@pytest.mark.parametrize("arm", ARMS, ids=" ".join)
def test_the_config_composes_to_the_winners_own(arm, tmp_path):
    config = composed(*arm, *as_overrides({"model.head.learning_rate": 0.00123456}))
    (name,) = name_arms([arm], [config])
    check_writable(arm, config, lambda overrides: composed(*overrides))
    file = tmp_path / "experiment" / f"{name}.yaml"
    write_winner(config, lambda overrides: composed(*overrides), file, "Best: 0.9", tuned=["training.weight_decay"])
    assert OmegaConf.load(file).training.weight_decay == config.training.weight_decay
    again = composed(f"hydra.searchpath=[file://{tmp_path}]", f"experiment={name}")
    assert repr(values(again)) == repr(values(config)) or values(again) == values(config)
    assert again.model.head.learning_rate == 0.001235


def test_what_is_overridden_still_counts(tmp_path):
    config = composed("experiment=demo", "seed=7", "model.lora.r=4")
    write_winner(config, lambda overrides: composed(*overrides), tmp_path / "experiment" / "best.yaml", "Best: 0.9")
    again = composed(f"hydra.searchpath=[file://{tmp_path}]", "experiment=best", "seed=11", "model.lora.r=2")
    assert (again.seed, again.model.lora.r, again.model.lora.alpha, again.backbone.name) == (11, 2, 2, "nano")


SWEPT = [
    [["model.lora.target_modules=[query]"], ["model.lora.target_modules=[query,value]"]],
    [[override("init_from", word)] for word in WORDS[:12]],
    [["init_from=A"], ["init_from=a"], ["init_from=null"]],
    [["training.learning_rate=1e-4"], ["training.learning_rate=1e-3"], ["training.learning_rate=0.00100000001"]],
    [["model.head.train=true"], ["model.head.train=false"]],
    [["training.warmup_steps=1"], ["training.warmup_steps=0.5"]],
    [["+training.adam_beta2=0.9"], ["++training.adam_beta2=0.99"], []],
    [[f"model={model}"] for model in MODELS],
    [[f"data={data}", f"model={model}"] for data in DATA[:3] for model in ("roberta_lora", "roberta_head")],
    [["init_from=" + "x" * 200], ["init_from=" + "x" * 199 + "y"]],
]


@pytest.mark.parametrize("batch", SWEPT)
def test_every_arm_has_a_name_of_its_own_that_needs_no_quotes(batch):
    names = name_arms(batch, [composed(*overrides) for overrides in batch])
    assert len({name.casefold() for name in names}) == len(batch)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) and len(name) <= 120
        (parsed,) = OverridesParser.create().parse_overrides([f"experiment={name}"])
        assert parsed.value() == name


def test_a_name_says_what_tells_the_arms_apart():
    batch = [["experiment=demo", f"model.lora.target_modules=[{targets}]"] for targets in ("query", "query,value")]
    names = name_arms(batch, [composed(*overrides) for overrides in batch])
    assert names == [f"synth_paraphrase_lora_target_modules-{targets}" for targets in ("query", "query-value")]
    assert name_arms(batch[:1], [composed(*batch[0])]) == ["synth_paraphrase_lora"]


def test_one_arm_in_two_spellings_is_one():
    batch = [["training.learning_rate=1e-4"], ["training.learning_rate=0.0001"]]
    first, second = name_arms(batch, [composed(*overrides) for overrides in batch])
    assert first == second


def test_a_key_that_is_taken_out_is_refused_beforehand():
    arm = ["~training.weight_decay"]
    with pytest.raises(UserError, match=r"training\.weight_decay is not in the config"):
        check_writable(arm, composed(*arm), lambda overrides: composed(*overrides))


@pytest.mark.parametrize(
    "value",
    [
        *WORDS,
        None,
        True,
        3,
        1e-4,
        0.1 + 0.2,
        [],
        ["a", "b,c"],
        [1, None, "it's"],
        {"a": [1, "x y"]},
        "plain",
        "a/b.c-d",
    ],
)
def test_an_override_says_the_value(value):
    (parsed,) = OverridesParser.create().parse_overrides([override("key", value)])
    assert parsed.value() == value and type(parsed.value()) is type(value)


def test_a_choice_is_not_rounded_and_a_drawn_float_is():
    space = {"a": CategoricalDistribution((0.123456, None)), "b": FloatDistribution(0.1, 1)}
    assert as_overrides({"a": 0.123456, "b": 0.123456}, space) == ["a=0.123456", "b=0.1235"]
    assert as_overrides({"a": None, "b": 0.5}, space) == ["a=null", "b=0.5"]
