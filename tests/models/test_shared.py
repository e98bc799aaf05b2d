"""Methods that own more than their layers: a bank that all share, rates of their own."""

import copy

import pytest
import torch
from omegaconf import OmegaConf

from src.models.classifier import Classifier, build_classifier, load_classifier, save_classifier
from src.models.inject import adapters
from src.models.meta_model import adapter_size, load_meta_model
from src.packed.launch import why_alone
from src.training.trainer import VerdictTrainer
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config

TOKENS = {"input_ids": torch.tensor([[0, 5, 6, 7, 2]]), "attention_mask": torch.ones(1, 5, dtype=torch.long)}


def build(*overrides: str) -> tuple[Classifier, dict]:
    config = OmegaConf.to_container(compose_config("experiment=demo", *overrides), resolve=True)
    return build_classifier(config["model"], config["backbone"], label_names=("a", "b"), seed=0), config


def test_one_bank_serves_all_layers_and_is_counted_and_saved_once(tmp_path):
    classifier, config = build("model=roberta_vblora")
    bank = classifier.model.get_parameter("roberta.vector_bank")
    layers = [layer for _, layer in adapters(classifier.model)]
    assert len(layers) == 10 and all(layer.bank is bank for layer in layers)
    assert all(set(layer.own_parameters()) == {"logits_A", "logits_B"} for layer in layers)
    assert bank.shape == (90, 128), "the largest that divides 128"
    # Of each of 10 layers 4 (128 + 128) / 128 vectors, and the bank.
    assert classifier.counts["adapter"] == 10 * 4 * 2 * 90 + 90 * 128
    assert adapter_size(config["model"], load_meta_model(config["backbone"])) == classifier.counts["adapter"]
    assert [name for name in classifier.state() if "bank" in name] == ["roberta.vector_bank"]
    with torch.no_grad():
        bank += torch.randn_like(bank)
    save_classifier(classifier, tmp_path)
    expected = classifier.model.eval()(**TOKENS).logits
    assert torch.equal(load_classifier(tmp_path).model(**TOKENS).logits, expected)
    twin = copy.deepcopy(classifier.model)
    assert {id(layer.bank) for _, layer in adapters(twin)} == {id(twin.get_parameter("roberta.vector_bank"))}
    assert id(bank) not in {id(layer.bank) for _, layer in adapters(twin)}


def test_every_layer_trains_the_bank():
    classifier, _ = build("model=roberta_vblora")
    classifier.model(**TOKENS, labels=torch.tensor([1])).loss.backward()
    assert classifier.model.get_parameter("roberta.vector_bank").grad.abs().sum() > 0


def test_a_bank_that_fits_no_layer_is_refused_and_a_shared_one_is_not_packed():
    with pytest.raises(UserError, match=r"vector_length=100 breaks the rule it divides both sides"):
        build("model=roberta_vblora", "model.vblora.vector_length=100")
    config = OmegaConf.to_container(compose_config("experiment=demo", "model=roberta_vblora"), resolve=True)
    assert why_alone(config) == "model=roberta_vblora shares a bank of vectors among its layers"


def test_lora_plus_trains_b_at_its_own_rate(tmp_path, monkeypatch):
    from src.training.run import run_job

    seen = []
    make = VerdictTrainer.create_optimizer

    def create(self, *args):
        names = {id(p): name for name, p in self.model.named_parameters()}
        optimizer = make(self, *args)
        seen.extend((names[id(p)], group["lr"]) for group in optimizer.param_groups for p in group["params"])
        return optimizer

    monkeypatch.setattr(VerdictTrainer, "create_optimizer", create)
    rates = ["training.learning_rate=1e-3", "model.head.learning_rate=5e-3", "training.max_steps=1"]
    run_job(compose_config(*NANO, "model=roberta_loraplus", "model.loraplus.rate_ratio=4", *rates), tmp_path)
    for name, rate in seen:
        expected = 5e-3 if name.startswith("classifier") else 4e-3 if name.endswith(".B") else 1e-3
        assert rate == pytest.approx(expected), name
    assert {rate for _, rate in seen} == {1e-3, 4e-3, 5e-3}
