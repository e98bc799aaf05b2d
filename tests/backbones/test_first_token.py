"""The shortened last layer against the whole one."""

import copy

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from src.backbones.fast_paths.first_token import FAMILIES, use_first_token

SIZES = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
         "intermediate_size": 32, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
         "embedding_size": 24}  # fmt: skip


def build(family: str, attention: str = "sdpa", **sizes):
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**SIZES, **sizes}, num_labels=3)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation=attention).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def batch(padded: bool = True) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 50, (4, 9), generator=generator)
    mask = torch.ones_like(ids)
    if padded:
        mask[1, 5:] = mask[3, 2:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def gradients(model, inputs) -> dict[str, torch.Tensor]:
    logits = model(**inputs).logits
    (logits * torch.arange(1.0, 1 + logits.numel()).view_as(logits)).sum().backward()
    return {"logits": logits.detach()} | {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_gradients_are_those_of_the_whole_layer(family, padded, training):
    whole = build(family).train(training)
    short = copy.deepcopy(whole)
    use_first_token(short)
    assert short.base_model(**batch(padded)).last_hidden_state.shape == (4, 1, 24)
    expected, found = gradients(whole, batch(padded)), gradients(short, batch(padded))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-10, msg=name)


def test_nothing_else_of_the_model_changes():
    whole = build("roberta")
    short = copy.deepcopy(whole)
    use_first_token(short)
    assert list(short.state_dict()) == list(whole.state_dict())
    assert [name for name, _ in short.named_modules()] == [name for name, _ in whole.named_modules()]


def test_under_gradient_checkpointing():
    whole = build("roberta").train()
    short = copy.deepcopy(whole)
    use_first_token(short)
    short.gradient_checkpointing_enable()
    expected, found = gradients(whole, batch()), gradients(short, batch())
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-10, msg=name)


def test_a_cached_prefix_takes_the_whole_layer():
    from transformers import DynamicCache, EncoderDecoderCache

    def prefix():
        generator = torch.Generator().manual_seed(2)
        own = DynamicCache()
        for layer in range(2):
            own.update(*torch.randn(2, 4, 3, 2, 8, generator=generator, dtype=torch.float64), layer)
        return EncoderDecoderCache(own, DynamicCache())

    whole = build("roberta").eval()
    short = copy.deepcopy(whole)
    use_first_token(short)
    inputs = {"input_ids": batch()["input_ids"], "attention_mask": torch.ones(4, 11)}
    expected, found = (m.roberta(**inputs, past_key_values=prefix()).last_hidden_state for m in (whole, short))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "model",
    [lambda: build("distilbert", dim=24, n_heads=3, n_layers=2), lambda: build("bert", "eager"),
     lambda: build("bert", chunk_size_feed_forward=3)],
)  # fmt: skip
def test_models_that_it_does_not_know_stay_whole(model):
    built = model()
    use_first_token(built)
    assert not any(type(module).__name__.startswith("FirstToken") for module in built.modules())
