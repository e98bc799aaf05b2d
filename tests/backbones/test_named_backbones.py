"""The backbones that ``conf/backbone`` names: each one's architecture is built small and adapted."""

import json

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from src.backbones.backbone import load_backbone
from src.config.known_names import records
from src.models.classifier import build_classifier
from src.utils.errors import UserError
from tests.backbones import zoo

# What the hub's config.json calls the architecture.
TYPES = {
    "deberta_v3_base": "deberta-v2",
    "eurobert": "eurobert",
    "modernbert_base": "modernbert",
    "multilingual_e5_base": "xlm-roberta",
    "roberta_base": "roberta",
    "roberta_large": "roberta",
    "xlm_roberta_base": "xlm-roberta",
}
LORA = {"name": "roberta_lora", "method": "lora", "adapter": {"r": 2, "alpha": 2, "target_modules": "auto"}}


def test_every_name_has_its_architecture_here():
    hub = {name for name, record in records("backbone").items() if "package" not in record and name != "nano"}
    assert hub == TYPES.keys()
    assert all(records("backbone")[name]["path"].count("/") == 1 for name in hub)


@pytest.mark.parametrize("name", TYPES)
def test_a_named_backbone_of_a_small_size_is_adapted(name, tmp_path):
    """Also as the hub has it, with code of its own beside it that is not asked for: EuroBERT's config names some."""
    zoo.build(TYPES[name], tmp_path)
    file = tmp_path / "config.json"
    named = {"AutoConfig": "configuration_x.C", "AutoModelForSequenceClassification": "modeling_x.M"}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"auto_map": named}))
    node = records("backbone")[name] | {"path": str(tmp_path)}
    built = build_classifier(LORA, node, label_names=("a", "b"), seed=0)
    assert len(built.adapted) == (2 if name == "modernbert_base" else 4)


def test_neobert_is_refused_as_its_code_stands_on_the_hub(tmp_path):
    """Once transformers has the class, this fails: then conf/backbone gets a file for it."""
    assert "neobert" not in CONFIG_MAPPING_NAMES
    config = {"model_type": "neobert", "auto_map": {"AutoConfig": "model.NeoBERTConfig"}, "hidden_size": 8}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.py").write_text("raise RuntimeError('executed')")
    with pytest.raises(UserError, match=r"it brings code of its own .* which is never run"):
        load_backbone({"name": "neobert", "path": str(tmp_path)}, label_names=("a", "b"), seed=0)
