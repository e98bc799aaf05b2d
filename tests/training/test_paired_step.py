"""Optimizers that know a low-rank update's factors, against the peft library's own step."""

import json

import pytest
import torch
from omegaconf import OmegaConf

from src.config import validate
from src.models.classifier import build_classifier
from src.training.paired_step import paired_step
from src.training.run import run_job
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config

TINY = [*NANO, "data.max_train_samples=40", "data.max_eval_samples=16", "training.num_train_epochs=1"]
TOKENS = {"input_ids": torch.arange(4, 44).view(2, 20), "attention_mask": torch.ones(2, 20, dtype=torch.long)}
RATE, STEPS = 1e-2, 3


def build(*overrides: str):
    config = OmegaConf.to_container(compose_config(*NANO, *overrides), resolve=True)
    built = build_classifier(config["model"], config["backbone"], label_names=("a", "b"), seed=0)
    torch.manual_seed(0)
    with torch.no_grad():
        for pair in built.adaptation.pairs():
            pair.up.normal_(std=0.05)
    built.model.eval()  # no dropout
    return built


def train(classifier, optimizer) -> dict[str, torch.Tensor]:
    for _ in range(STEPS):
        optimizer.zero_grad()
        classifier.model(**TOKENS, labels=torch.tensor([0, 1])).loss.backward()
        optimizer.step()
    return {name: p.detach() for pair in classifier.adaptation.pairs()
            for name, p in zip(pair.names, (pair.down, pair.up), strict=True)}  # fmt: skip


def ours(name: str, options: str | None, *overrides: str, **settings) -> dict[str, torch.Tensor]:
    classifier, step = build(*overrides), paired_step({"optim": name, "optim_args": options})
    pairs = classifier.adaptation.pairs()
    step.check(pairs, "it")
    rates = step.rates(pairs)
    groups = [{"params": [p], "lr": RATE * rates.get(name, 1.0)} for name, p in classifier.model.named_parameters()
              if p.requires_grad]  # fmt: skip
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0, **settings)
    step.attach(optimizer, pairs)
    return train(classifier, optimizer)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    plain = train(classifier := build("model=roberta_peft_lora"), torch.optim.AdamW(
        [p for p in classifier.model.parameters() if p.requires_grad], lr=RATE, weight_decay=0.0))  # fmt: skip
    assert found.keys() == expected.keys() and len(found) == 20
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name], rtol=2e-3, atol=2e-5)
    assert any((found[name] - plain[name]).abs().max() > 1e-3 for name in found), "or it would be AdamW"


@pytest.fixture
def optimizers():
    return pytest.importorskip("peft.optimizers", reason="the peft library is not installed: requirements-peft.txt")


def test_riemannian(optimizers):
    theirs = build("model=roberta_peft_lora")
    optimizer = optimizers.create_riemannian_optimizer(
        theirs.adaptation.handle, torch.optim.AdamW, lr=RATE, reg=0.05, weight_decay=0.0
    )
    assert_same(ours("adamw_riemannian", "reg=0.05", "model=roberta_peft_lora"), train(theirs, optimizer))


def test_loraplus(optimizers):
    theirs = build("model=roberta_peft_lora")
    optimizer = optimizers.create_loraplus_optimizer(
        theirs.adaptation.handle, torch.optim.AdamW, lr=RATE, loraplus_lr_ratio=4.0
    )
    head = theirs.backbone.head  # whose biases the library trains at B's rate, too: here the head keeps its own
    names = {id(p): name for name, p in theirs.model.named_parameters()}
    for group in optimizer.param_groups:
        group["params"] = [p for p in group["params"] if names[id(p)] not in head]
    optimizer.add_param_group(
        {"params": [theirs.model.get_parameter(name) for name in sorted(head)], "lr": RATE, "weight_decay": 0.0}
    )
    assert_same(ours("adamw_loraplus", "ratio=4", "model=roberta_peft_lora"), train(theirs, optimizer))


def test_lorafa(optimizers, monkeypatch):
    from peft.optimizers import lorafa

    monkeypatch.setattr(lorafa, "is_bf16_available", lambda: False)  # or it rounds the gradient
    theirs, own = build("model=roberta_peft_lora"), build("model=roberta_peft_lora")
    for pair in own.adaptation.pairs():
        pair.down.requires_grad_(False)
    optimizer = lorafa.create_lorafa_optimizer(theirs.adaptation.handle, 8, 8, RATE)
    for group in optimizer.param_groups:
        group["eps"] = 1e-30  # which stands elsewhere in its AdamW
        keep = [i for i, p in enumerate(group["params"]) if p.requires_grad or "lora" in group["names"][i]]
        for key in ("params", "names", "scaling_factors"):
            group[key] = [group[key][i] for i in keep]
    step = paired_step({"optim": "adamw_lorafa"})
    trained = [p for p in own.model.parameters() if p.requires_grad]
    mine = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0, eps=1e-30)
    step.attach(mine, own.adaptation.pairs())
    assert_same(train(own, mine), train(theirs, optimizer))


@pytest.mark.parametrize(("optim", "model"), [
    ("adamw_riemannian", "roberta_lora"), ("adamw_loraplus", "roberta_dora"), ("adamw_lorafa", "roberta_lorafa"),
])  # fmt: skip
def test_a_run_with_it(optim, model, tmp_path):
    overrides = [*TINY, f"model={model}", "training.max_steps=2"]
    for name in ("adamw_torch", optim):
        run_job(compose_config(*overrides, f"training.optim={name}"), tmp_path / name)
    plain, paired = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("adamw_torch", optim))
    assert paired["status"] == "ok" and paired["training"]["optim"] == optim
    assert paired["metrics"] != plain["metrics"] and paired["batches_fingerprint"] == plain["batches_fingerprint"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.optim=adamw_riemannian", "model=roberta_lsr"], "model=roberta_lsr has none"),
        (["training.optim=adamw_riemannian", "model=roberta_lorafa"], "A and B to train: model=roberta_lora"),
        (["training.optim=adamw_lorafa"], "a frozen A beside B: model=roberta_lorafa"),
    ],
)
def test_a_method_without_such_factors_is_refused(overrides, message, tmp_path):
    with pytest.raises(UserError, match=message):
        run_job(compose_config(*TINY, *overrides), tmp_path / "run")


def test_a_wrong_option_is_refused_before_anything_is_loaded():
    with pytest.raises(UserError, match="takes no ratio; choices: reg"):
        validate(compose_config("training.optim=adamw_riemannian", "training.optim_args='ratio=2'"))
