"""A checkpoint's head is kept for the same classes alone, in the task's order; else it is as if there were none."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BartConfig,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    PerceiverConfig,
    RobertaConfig,
    XLNetConfig,
)

from src.backbones import backbone as backbone_module
from src.backbones.backbone import load_backbone
from src.backbones.head_init import output_tensors
from src.backbones.probe import probe_batch, probe_logits
from src.cli import ROOT
from src.models.meta_model import load_meta_model
from src.tasks import KINDS
from src.utils import reuse
from src.utils.errors import UserError

NANO = str(ROOT / "assets" / "nano")
BERT = {
    "vocab_size": 2048,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
FAMILIES: dict[str, Any] = {
    "roberta": RobertaConfig(**BERT),
    "bert": BertConfig(**BERT),
    "distilbert": DistilBertConfig(vocab_size=2048, dim=32, n_layers=2, n_heads=2, hidden_dim=64),
    "xlnet": XLNetConfig(vocab_size=2048, d_model=32, n_layer=2, n_head=2, d_inner=64, pad_token_id=1),
    "gpt2": GPT2Config(vocab_size=2048, n_embd=32, n_layer=2, n_head=2, pad_token_id=1),
    "bart": BartConfig(
        vocab_size=2048,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
    ),
    "perceiver": PerceiverConfig(
        vocab_size=2048,
        d_model=32,
        d_latents=32,
        num_latents=8,
        num_self_attends_per_block=2,
        num_self_attention_heads=2,
        num_cross_attention_heads=2,
        max_position_embeddings=64,
    ),
}
CLASSES = ("neg", "neutral", "pos")


def save(folder: Path, family: str = "roberta", classes: tuple[str, ...] = CLASSES, **more: Any) -> str:
    """A classifier for these classes, every parameter away from its start."""
    config = FAMILIES[family].__class__(**FAMILIES[family].to_dict() | more)
    config.id2label, config.label2id = dict(enumerate(classes)), {name: i for i, name in enumerate(classes)}
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(NANO).save_pretrained(folder)
    return str(folder)


def without_head(path: str, folder: Path) -> str:
    """The same encoder in a checkpoint that has no head, as ``AutoModel`` or pretraining would leave it."""
    AutoTokenizer.from_pretrained(NANO).save_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(path)
    model.save_pretrained(folder)
    names = {name for name, _ in model.named_parameters()}
    outside = names - {f"{model.base_model_prefix}.{name}" for name, _ in model.base_model.named_parameters()}
    outside = outside or set(output_tensors(model.config, KINDS["classification"]))
    tensors = load_file(folder / "model.safetensors")
    save_file({n: t for n, t in tensors.items() if n not in outside}, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


def load(path: str, *names: str, seed: int = 3):
    return load_backbone({"name": "x", "path": path}, label_names=names, seed=seed)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, str]:
    return {family: save(tmp_path_factory.mktemp(family), family) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_are_moved_to_the_tasks_order(family, folders):
    plain = AutoModelForSequenceClassification.from_pretrained(folders[family]).eval()
    logits = plain(**probe_batch(plain)).logits
    kept = load(folders[family], *CLASSES)
    assert kept.head_init.how == "checkpoint" and torch.equal(probe_logits(kept.model), logits)
    moved = load(folders[family], "pos", "neg", "neutral")
    assert moved.head_init.how == "checkpoint, reordered"
    torch.testing.assert_close(probe_logits(moved.model), logits[:, [2, 0, 1]])
    assert moved.model.config.id2label == {0: "pos", 1: "neg", 2: "neutral"}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "task", [("neg", "pos"), ("a", "b", "c"), ("a", "b", "c", "d"), ()], ids=["subset", "names", "number", "regression"]
)
def test_a_head_for_other_answers_is_drawn_as_if_there_were_none(family, task, folders, tmp_path):
    found = load(folders[family], *task)
    bare = load(without_head(folders[family], tmp_path), *task)
    assert found.head_init.how == bare.head_init.how == "new"
    assert found.head == bare.head and found.fingerprint == bare.fingerprint
    states = found.model.state_dict(), bare.model.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    other = load(folders[family], *task, seed=4).model
    assert any(not torch.equal(found.model.get_parameter(n), other.get_parameter(n)) for n in found.head)
    meta = load_meta_model({"name": "x", "path": folders[family]})
    assert meta.head == found.head


def test_unnamed_classes_are_names_like_others(tmp_path):
    generic = tuple(f"LABEL_{i}" for i in range(3))
    path = save(tmp_path, classes=generic)
    assert load(path, *CLASSES).head_init.how == "new"
    assert load(path, *generic).head_init.how == "checkpoint"


@pytest.mark.parametrize(
    ("classes", "problem", "how"),
    [(("LABEL_0",), None, "checkpoint"), (("LABEL_0",), "regression", "checkpoint"), (CLASSES, None, "new")],
)
def test_a_regression_keeps_a_regressions_head(classes, problem, how, tmp_path):
    path = save(tmp_path, classes=classes, problem_type=problem)
    assert load(path).head_init.how == how
    assert load(path, "LABEL_0", "LABEL_1").head_init.how == "new"


def test_a_config_that_names_one_class_twice_or_too_many_gives_a_new_head(tmp_path):
    path = save(tmp_path, classes=("neg", "neg"))
    assert load(path, "neg", "pos").head_init.how == "new"
    config = AutoModelForSequenceClassification.from_pretrained(path).config
    config.id2label = {0: "neg", 1: "neutral", 2: "pos"}
    config.save_pretrained(path)
    found = load(path, *CLASSES)
    assert found.head_init.how == "new" and "another number of outputs" in found.head_init.why


def test_a_checkpoint_of_pretraining_has_no_head(tmp_path):
    torch.manual_seed(0)
    AutoModelForMaskedLM.from_config(FAMILIES["roberta"]).save_pretrained(tmp_path / "mlm")
    AutoModel.from_pretrained(tmp_path / "mlm", add_pooling_layer=False).save_pretrained(tmp_path / "encoder")
    for name in ("mlm", "encoder"):
        AutoTokenizer.from_pretrained(NANO).save_pretrained(tmp_path / name)
    first, second = (load(str(tmp_path / name), "a", "b") for name in ("mlm", "encoder"))
    assert first.head_init.how == "new" and first.fingerprint == second.fingerprint
    assert probe_logits(first.model).equal(probe_logits(second.model))


def test_jobs_of_one_process_get_the_heads_that_they_would_get_alone(folders, monkeypatch):
    wanted = [(CLASSES, 0), (("pos", "neg", "neutral"), 0), (("a", "b"), 0), (("a", "b"), 1), (CLASSES, 1)]
    alone = [probe_logits(load(folders["bert"], *names, seed=seed).model) for names, seed in wanted]
    monkeypatch.setattr(reuse, "_enabled", True)
    monkeypatch.setattr(backbone_module, "_PRISTINE", reuse.Kept(1))
    for (names, seed), logits in zip(wanted, alone, strict=True):
        found = load(folders["bert"], *names, seed=seed).model
        assert torch.equal(probe_logits(found), logits)
        with torch.no_grad():
            for parameter in found.parameters():
                parameter.zero_()  # the job's own copy


def test_weights_that_are_no_head_and_do_not_fit_are_refused(tmp_path):
    path = save(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    name = "roberta.encoder.layer.0.attention.self.query.weight"
    save_file(tensors | {name: torch.zeros(16, 32)}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=rf"does not fit its weights: {name} is \(16, 32\) in the file and \(32, 32\)"):
        load(path, *CLASSES)
    save_file({f"other.{n}": t for n, t in tensors.items()}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="are no roberta: none of its encoder is among them"):
        load(path, *CLASSES)
