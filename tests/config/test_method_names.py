"""What methods are called: in configs, in records, and where a class of the user's own has no name."""

import pytest
from omegaconf import OmegaConf

from src.config import validate
from src.config.choices import choices
from src.config.known_names import TARGET, records
from src.config.method_names import OLD_PATHS, named, own_methods, package_of, recorded_names, stable_name
from src.config.peft_fields import config_of
from src.models import method
from src.models.method import PerLayer, make_method
from src.models.vblora import VBLoRA
from src.runs.record import Record
from src.utils.errors import UserError
from tests.conftest import compose_config

RECORDED = {  # as records have called them since the first version, by the choice's name
    **{f"roberta_{name}": name for name in ("lora", "lsr", "lorafa", "svd_lorafa", "hydralora", "full", "head",
       "bitfit", "loraplus", "vblora")},
    "roberta_peft": "peft_lora",  # as long as no other config of the library is named
    **{f"roberta_peft_{name}": f"peft_{name}" for name in ("adalora", "dora", "fourierft", "ia3", "ln_tuning", "loha",
       "lokr", "lora", "oft", "pissa", "prefix_tuning", "rslora", "vera")},
}  # fmt: skip
VB_LORA = """
name: vb_lora
method: vblora
learning_rate: 1e-3
vblora: {r: 4, target_modules: [query]}
adapter: ${model.vblora}
rules: {r: int >= 1, target_modules: "str | list[str]"}
"""


@pytest.mark.parametrize("model", choices("model"))
def test_every_yaml_has_a_method_and_no_path(model, tmp_path):
    cfg = compose_config(f"model={model}")
    assert cfg.model.method and Record(tmp_path, cfg).fields["method"] == RECORDED.get(
        model, model.removeprefix("roberta_")
    )
    if model != "roberta_peft":  # where the library's config is chosen by its path
        assert TARGET not in str(records("model")[model])
    if cfg.model.adapter:
        assert package_of(cfg.model.method) == "peft" or cfg.model.method in own_methods()
        make_method(OmegaConf.to_container(cfg.model, resolve=True))


def test_the_choices_by_what_records_call_them():
    found = recorded_names()
    assert list(found) == sorted(found) and {*found.values(), "roberta_peft"} == {*choices("model")}
    assert all(found[recorded] == model for model, recorded in RECORDED.items() if model != "roberta_peft")


def test_no_name_is_cut_at_an_underscore(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "vb_lora.yaml").write_text(VB_LORA)
    cfg = compose_config(f"hydra.searchpath=[file://{tmp_path}]", "model=vb_lora", "experiment=demo")
    validate(cfg)
    assert Record(tmp_path, cfg).fields["method"] == "vb_lora"
    assert isinstance(make_method(OmegaConf.to_container(cfg.model, resolve=True)), VBLoRA)


def test_a_path_and_a_name_are_one_method():
    by_path = {"name": "x", "adapter": {TARGET: "src.models.lora.LoRALinear", "_partial_": True, "r": 2}}
    by_path["lora"] = dict(by_path["adapter"])
    by_name = {"name": "x", "method": "lora", "adapter": {"r": 2}, "lora": {"r": 2}}
    assert named(by_path) == named(by_name) == by_name
    foreign = {"name": "x", "adapter": {TARGET: "mine.Adapter", "r": 2}}
    assert named(foreign) == foreign
    ours, theirs = make_method(by_path), make_method(by_name)
    assert isinstance(ours, PerLayer) and isinstance(theirs, PerLayer) and ours.cls is theirs.cls


@pytest.mark.parametrize(
    ("name", "message"), [("inject", "says not what its METHOD is"), ("nope", "there is no such method")]
)
def test_a_name_whose_file_has_no_method(name, message, monkeypatch):
    """As in a YAML of one's own before its class is written."""
    monkeypatch.setattr(method, "own_methods", lambda: {name})
    with pytest.raises(UserError, match=message):
        make_method({"method": name, "adapter": {"r": 2}})


@pytest.mark.parametrize("target", ["timeit.Timer", "peft.utils.LoraConfig", "peft.Config", "lora", "", None, 3, ["a"]])
def test_a_foreign_path_has_no_name(target):
    assert stable_name(target) is None


def test_names_of_the_librarys_methods_and_their_configs():
    for config in ("LoraConfig", "AdaLoraConfig", "LNTuningConfig", "IA3Config", "PrefixTuningConfig", "BOFTConfig"):
        assert config_of(stable_name(f"peft.{config}")) == f"peft.{config}"
    assert set(OLD_PATHS.values()) <= own_methods()  # a newer method never went by a path


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.method=lorra"], r"model\.method=lorra: there is no such method; choices: .*hydralora, lora, "),
        (["model.method=null"], "model.method is missing from the config"),
        (["+model.lora._target_=src.models.lsr.LSRLinear"], "are two methods: leave one of them out"),
        (["model.method=[lora]"], "breaks the rule: str"),
        (["model.method=inject"], "there is no such method"),
        (["model=roberta_peft_lora", "model.method=peft.lorra"], r"did you mean peft\.lora"),
    ],
)
def test_a_wrong_name_is_refused_before_anything_is_loaded(overrides, message):
    with pytest.raises(UserError, match=message):
        validate(compose_config(*overrides))
