"""A fast path is used only where the installed libraries still mean what it takes them to mean."""

import logging
import sys

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, BertForSequenceClassification

from src.backbones.fast_paths import attention, dropout, first_token
from src.backbones.fast_paths.install import FAST_PATHS, use_fast_paths
from src.backbones.probe import probe_batch, probe_logits

SIZES = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 32}


def build(family: str = "bert", cls=AutoModelForSequenceClassification.from_config):
    torch.manual_seed(0)
    model = cls(AutoConfig.for_model(family, **SIZES, num_labels=3)).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def other_scaling(monkeypatch):
    """As if the library's function took its ``scaling`` for something else."""
    plain = attention.sdpa_attention_forward

    def changed(module, query, key, value, mask, dropout=0.0, scaling=None, **kwargs):
        return plain(module, query, key, value, mask, dropout, scaling and 2 * scaling, **kwargs)

    monkeypatch.setattr(attention, "sdpa_attention_forward", changed)


def other_mask(monkeypatch):
    """As if the library made no mask any more for a function that is not its own."""
    masks = attention.AttentionMaskInterface()
    monkeypatch.setitem(masks._global_mapping, attention.NAME, lambda *args, **kwargs: None)


def moved(monkeypatch):
    """As if a name that the module asks the library for had moved: the module cannot be imported."""
    monkeypatch.setitem(sys.modules, "src.backbones.fast_paths.attention", None)


def no_dropout(monkeypatch):
    monkeypatch.setattr(dropout.Dropout, "forward", lambda self, x: x * 2)


def gone(monkeypatch):
    monkeypatch.setattr(first_token, "ALL_ATTENTION_FUNCTIONS", object())


CHANGES = [
    ("attention", other_scaling), ("attention", other_mask), ("attention", moved), ("dropout", no_dropout),
    ("first_token", gone),
]  # fmt: skip


def test_every_fast_path_is_tried_below():
    assert {name for name, _ in CHANGES} == set(FAST_PATHS)


@pytest.mark.parametrize("family", first_token.FAMILIES)
def test_all_are_used_where_they_fit(family, caplog):
    model = build(family)
    plain = probe_logits(model)
    with caplog.at_level(logging.WARNING):
        assert use_fast_paths(model) == list(FAST_PATHS)
    torch.testing.assert_close(probe_logits(model), plain)
    assert not caplog.records


@pytest.mark.parametrize("training", [True, False])
def test_the_trial_leaves_no_trace(training):
    model = build().train(training)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    use_fast_paths(model)
    assert torch.equal(torch.rand(2), expected)
    assert all(module.training is training for module in model.modules())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_a_fast_path_that_means_something_else_now_is_off(name, change, monkeypatch, caplog):
    model = build()
    whole = {own: type(module) for own, module in model.named_modules()}
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        change(patch)
        assert use_fast_paths(model) == [own for own in FAST_PATHS if own != name]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"fast path {name} is off") and "\n" not in line
    # What is left of the model is the library's own.
    if name == "dropout":
        assert not any(type(module) is dropout.Dropout for module in model.modules())
    elif name == "attention":
        assert model.config._attn_implementation == "sdpa"
    else:
        assert {own: type(module) for own, module in model.named_modules()} == {
            own: dropout.Dropout if cls is nn.Dropout else cls for own, cls in whole.items()
        }


def test_a_head_that_reads_another_token_keeps_the_whole_layer():
    class LastToken(BertForSequenceClassification):
        def forward(self, input_ids, attention_mask):
            states = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
            return type("Output", (), {"logits": self.classifier(states[:, -1])})

    model = build(cls=LastToken)
    plain = probe_logits(model)
    assert use_fast_paths(model) == ["dropout", "attention"]
    torch.testing.assert_close(probe_logits(model), plain)


def test_a_head_that_is_said_to_read_every_token_keeps_the_whole_layer(caplog):
    assert use_fast_paths(build(), whole=True) == ["dropout", "attention"] and not caplog.messages


def test_a_model_that_takes_no_plain_batch_stays_as_it_is(caplog):
    class Boxes(BertForSequenceClassification):
        def forward(self, input_ids, attention_mask, bbox):
            raise AssertionError("never called without boxes")

    model = build(cls=Boxes)
    with caplog.at_level(logging.INFO):
        assert use_fast_paths(model) == []
    assert "no fast paths: Boxes" in caplog.text
    assert model.config._attn_implementation == "sdpa"


def test_the_batch_has_padding():
    batch = probe_batch(build())
    assert batch["input_ids"].shape == (2, 8)
    assert batch["attention_mask"].sum(1).tolist() == [8, 5]
