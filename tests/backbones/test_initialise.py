"""Drawing a head anew reaches nothing else, whatever the library's own function does."""

import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, BertConfig, PreTrainedModel

from src.backbones.initialise import draw_anew
from src.utils.errors import UserError

CONFIG = {
    "vocab_size": 64,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
HEAD = {"classifier.weight", "classifier.bias"}


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(BertConfig(**CONFIG))
    with torch.no_grad():
        model.classifier.bias += 1
    return model


def tensors(model) -> dict[str, torch.Tensor]:
    return {n: t.clone() for n, t in [*model.named_parameters(), *model.named_buffers()]}


def test_it_is_what_the_library_draws_for_a_checkpoint_without_a_head(model, tmp_path):
    model.base_model.save_pretrained(tmp_path)
    before, identities = tensors(model), {id(p) for p in model.parameters()}
    torch.manual_seed(5)
    draw_anew(model, HEAD)
    torch.manual_seed(5)
    expected = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    after = tensors(model)
    assert all(torch.equal(tensor, after[name]) for name, tensor in expected.named_parameters())
    assert {name for name, tensor in after.items() if not torch.equal(tensor, before[name])} == HEAD
    assert {id(p) for p in model.parameters()} == identities, "an optimizer would still hold them"


def draw_all(self: nn.Module) -> None:
    for parameter in self.parameters():
        parameter.data.normal_(std=3)
    for buffer in self.buffers():
        buffer.zero_()


def replace_all(self: nn.Module) -> None:
    for module in list(self.modules()):
        if isinstance(module, nn.Linear):
            module.reset_parameters()
        elif isinstance(module, nn.Embedding):
            module.weight = nn.Parameter(torch.zeros(module.weight.shape))


@pytest.mark.parametrize("careless", [draw_all, replace_all])
def test_a_library_that_ignores_the_marks_cannot_touch_the_encoder(careless, model, monkeypatch):
    before = tensors(model)
    monkeypatch.setattr(PreTrainedModel, "initialize_weights", careless)
    draw_anew(model, HEAD)
    after = tensors(model)
    assert after.keys() == before.keys()
    assert {name for name, tensor in after.items() if not torch.equal(tensor, before[name])} == HEAD


def test_a_library_that_draws_nothing_is_found_out(model, monkeypatch):
    before = tensors(model)
    monkeypatch.setattr(PreTrainedModel, "initialize_weights", lambda self: None)
    with pytest.raises(UserError, match=r"does not draw classifier\.weight, classifier\.bias"):
        draw_anew(model, HEAD)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors(model).items())
