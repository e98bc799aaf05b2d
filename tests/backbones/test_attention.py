"""The attention with the cheaper dropout against scaled_dot_product_attention and the definition."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import BertConfig, BertForSequenceClassification
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from src.backbones.fast_paths import attention as tested
from src.backbones.fast_paths.attention import NAME, attention, use_cheaper_attention

N, HEADS, TOKENS, WIDTH = 3, 2, 7, 5


class Encoder(nn.Module):
    is_causal = False


def tensors(queries: int = TOKENS) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = (N, HEADS, queries, WIDTH), (N, HEADS, TOKENS, WIDTH), (N, HEADS, TOKENS, WIDTH)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def mask(kind: str, queries: int) -> torch.Tensor | None:
    looked_at = torch.arange(TOKENS) < torch.tensor([7, 4, 1])[:, None]
    looked_at = looked_at[:, None, None].expand(N, 1, queries, TOKENS)
    if kind == "added":
        return torch.zeros(looked_at.shape, dtype=torch.float64).masked_fill(~looked_at, torch.finfo(torch.float64).min)
    return looked_at if kind == "bool" else None


def outputs(output: torch.Tensor, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    weights = torch.arange(1.0, 1 + output.numel(), dtype=torch.float64).view_as(output)
    return [output, *torch.autograd.grad((output * weights).sum(), inputs)]


@pytest.mark.parametrize("queries", [TOKENS, 1])
@pytest.mark.parametrize("scaling", [None, 0.3])
@pytest.mark.parametrize("kind", ["none", "bool", "added"])
def test_but_for_what_is_dropped_it_is_the_librarys(monkeypatch, kind, scaling, queries):
    monkeypatch.setattr(tested, "drop", lambda weights, p: weights)
    inputs = tensors(queries)
    found, _ = attention(Encoder(), *inputs, mask(kind, queries), dropout=0.1, scaling=scaling)
    expected = F.scaled_dot_product_attention(*inputs, attn_mask=mask(kind, queries), scale=scaling).transpose(1, 2)
    for one, other in zip(outputs(found, inputs), outputs(expected, inputs), strict=True):
        torch.testing.assert_close(one, other)


def test_the_weights_are_dropped_and_scaled():
    torch.manual_seed(0)
    query, key = torch.randn(2, 40, 2, 30, 6, dtype=torch.float64)
    value = torch.eye(30, dtype=torch.float64).expand(40, 2, 30, 30)  # the output is then the weights
    found = attention(Encoder(), query, key, value, None, dropout=0.25)[0].transpose(1, 2)
    kept = found != 0
    torch.testing.assert_close(found, (query @ key.mT / 6**0.5).softmax(-1) * kept / 0.75)
    assert abs(kept.double().mean() - 0.75) < 5 * (0.75 * 0.25 / kept.numel()) ** 0.5


@pytest.mark.parametrize(
    "case",
    [{"dropout": 0.0}, {"module": nn.Module()}, {"position_bias": torch.zeros(N, HEADS, TOKENS, TOKENS).double()}],
    ids=["no dropout", "a decoder", "position bias"],
)
def test_anything_else_is_left_to_the_library(case):
    case = {"dropout": 0.2, "module": Encoder(), **case}
    module, inputs = case.pop("module"), tensors()
    results = []
    for function in (attention, sdpa_attention_forward):
        torch.manual_seed(0)
        results.append(function(module, *inputs, None, **case)[0])
    assert torch.equal(*results)


@pytest.mark.parametrize("asked", ["sdpa", "eager"])
def test_only_a_model_that_uses_sdpa_gets_it(asked):
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 1}
    model = BertForSequenceClassification._from_config(BertConfig(**sizes), attn_implementation=asked)
    use_cheaper_attention(model)
    assert model.config._attn_implementation == (NAME if asked == "sdpa" else asked)


def test_a_saved_model_does_not_ask_for_it(tmp_path):
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 1}
    model = BertForSequenceClassification(BertConfig(**sizes))
    use_cheaper_attention(model)
    model.save_pretrained(tmp_path)
    assert NAME not in (tmp_path / "config.json").read_text()
