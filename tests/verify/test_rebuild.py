"""A record's config composes to itself again, and nothing but plain values of known keys gets into a command."""

import copy
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from src.config.choices import choices
from src.runs.identity import config_hash, identity, relevant
from src.utils.errors import UserError
from src.verify.rebuild import rebuild
from tests.conftest import compose_config

REAL = {
    "demo": ["experiment=demo"],
    "changed": ["experiment=demo", "model=roberta_lora", "model.lora.r=4", "model.lora.target_modules=[query]",
                "seed=7", "training.adam_beta2=0.98", "training.lr_scheduler_type=cosine", "data.max_length=32"],
    "alpha apart": ["model=roberta_lsr", "model.lsr.r=4", "model.lsr.alpha=2", "model.head.learning_rate=1e-4"],
    "custom": ["data=custom", "data.files.train=my rows.csv", "data.text=[a,b]", "data.label_names=[no,yes]"],
    "mix": ["experiment=demo", "data=mix", "data.tasks=[synth_paraphrase,synth_similarity]"],
    "tsv": ["data=cola", "data.source=tsv", "data.dir='/somewhere/with, a comma'", "training=lora_paper"],
    "map": ["experiment=demo", "training.lr_scheduler_type=cosine_with_restarts",
            "training.lr_scheduler_kwargs={num_cycles:2}"],
}  # fmt: skip


def record_of(*overrides: str) -> dict[str, Any]:
    config: Any = OmegaConf.to_container(compose_config(*overrides), resolve=True)
    same = identity(config)
    return {"config": relevant(config), "identity": same, "config_hash": same["config"]}


@pytest.mark.parametrize("name", REAL)
def test_a_config_composes_to_itself(name):
    record = record_of(*REAL[name])
    found = rebuild(record["config"])
    assert found.identity == record["identity"] and not found.other


@pytest.mark.slow
@pytest.mark.parametrize("model", sorted({*choices("model")} - {"roberta_peft"}))
def test_every_method_composes_to_itself(model):
    record = record_of("experiment=demo", f"model={model}", "seed=3")
    assert rebuild(record["config"]).identity == record["identity"]


def test_a_method_of_peft_without_a_file_of_its_own_is_told():
    """Its class stands in the command alone, and a class is what no record may name."""
    record = record_of("experiment=demo", "model=roberta_peft", "model.peft._target_=peft.PsoftConfig")
    with pytest.raises(UserError, match=r"model\.name='roberta_peft_psoft' is no choice here"):
        rebuild(record["config"])


def test_the_users_own_words_win():
    assert rebuild(record_of("experiment=demo")["config"], ["seed=5", "data.max_length=16"]).overrides[-2:] == (
        "seed=5", "data.max_length=16"
    )  # fmt: skip


STRANGE = {
    "model.lora._target_": "os.system",
    "model.adapter._target_": "os.system",
    "model.auto.r": "os.system",
    "model.lora.dropout": "${oc.env:HOME}",
    "model.lora.more": 1,
    "backbone.package": {"name": "a", "module": "os", "folder": "."},
    "data.sources": {"theirs": {"_target_": "os.system"}},
    "training.report_to": "wandb",
    "training.output_dir": "/tmp/theirs",
    "training.hub_token": "theirs",
    "training.push_to_hub": True,
    "training.deepspeed": "theirs.json",
    "training.unknown": 1,
    "watch": {"_target_": "os.system"},
    "hydra.run.dir": "/tmp/theirs",
    "hydra.callbacks.theirs._target_": "os.system",
    "sweep.dir": "/tmp/theirs",
    "data.name,seed": 3,
    "data.max_length=8 --cfg": 3,
}


@pytest.mark.parametrize("key", STRANGE)
def test_what_is_no_plain_value_of_a_known_key_is_no_override(key):
    record, before = record_of("experiment=demo"), record_of("experiment=demo")
    parts = [key] if " " in key or "," in key else key.split(".")
    node = record["config"]
    for part in parts[:-1]:
        node = node.setdefault(part, {})
    node[parts[-1]] = STRANGE[key]
    found = rebuild(record["config"])
    assert found.overrides == rebuild(before["config"]).overrides
    assert found.identity == before["identity"]


@pytest.mark.parametrize(
    "text", ["a,b", "a}b", "$x", "'", '"', "\\", "a=b c", "[x", "null", "${", "# no", "é", "--cfg"]
)
def test_a_text_is_one_value_whatever_it_holds(text):
    record = record_of("data=custom", "data.files.train=rows.csv")
    record["config"]["data"]["label"] = text
    found = rebuild(record["config"])
    words = [word for word in found.overrides if word.startswith("data.label=")]
    assert len(words) == ("${" not in text)
    for word in words:
        [parsed] = OverridesParser.create().parse_overrides([word])
        value = parsed.value()
        assert (value if isinstance(value, str) else value.text) == text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda config: config["model"].update(name="../theirs"), "model.name='../theirs' is no choice here"),
        (lambda config: config["data"].update(name=["mrpc"]), "is no choice here"),
        (lambda config: config.pop("training"), "no whole config"),
        (lambda config: config["training"].update(learning_rate=-1.0), "breaks the rule"),
        (lambda config: config["training"].update(num_train_epochs=1e9), "more than any run can use"),
    ],
)
def test_what_cannot_be_composed_is_told(change, said):
    record = record_of("experiment=demo")
    change(record["config"])
    with pytest.raises(UserError, match=said):
        rebuild(copy.deepcopy(record["config"]))


def test_a_config_that_is_another_here_is_told():
    record = record_of("experiment=demo")
    record["config"]["model"]["lora"]["_target_"] = "src.models.older.LoRA"
    record["config"]["training"]["no_longer"] = 3
    found = rebuild(record["config"])
    assert any(line.startswith("model.lora._target_: 'src.models.older.LoRA' there") for line in found.other)
    assert "training.no_longer: 3 there, nothing here" in found.other


def test_the_hash_of_a_saved_config_is_its_own():
    record = record_of("experiment=demo")
    assert config_hash(record["config"]) == record["config_hash"]
