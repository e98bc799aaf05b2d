"""Both names of the key-value cache, whichever the installed transformers and peft know."""

import inspect

import pytest
import torch
from torch import nn

from src.backbones.cache_argument import accept_old_name, given_cache


class New(nn.Module):
    def forward(self, x, cache=None, **kwargs):
        return x, cache, kwargs


class Old(nn.Module):
    def forward(self, x, past_key_values=None):
        return x, past_key_values


def test_a_new_forward_takes_and_shows_the_old_name():
    module = New()
    accept_old_name(module)
    assert list(inspect.signature(module.forward).parameters) == ["x", "cache", "past_key_values", "kwargs"]
    assert module(1, past_key_values=2, other=3) == (1, 2, {"other": 3})
    assert module(1, cache=2) == (1, 2, {})
    assert module(1, cache=2, past_key_values=None) == (1, 2, {})
    assert module(1, cache=None, past_key_values=2) == (1, 2, {})
    assert module(1) == (1, None, {})


@pytest.mark.parametrize("module", [Old(), nn.Identity()])
def test_any_other_forward_stays(module):
    before = module.forward
    accept_old_name(module)
    assert module.forward == before


@pytest.mark.parametrize(
    ("arguments", "cache"),
    [({"cache": 1}, 1), ({"past_key_values": 1}, 1), ({"cache": None, "past_key_values": 1}, 1), ({}, None),
     ({"cache": torch.zeros(0), "past_key_values": None}, torch.zeros(0))],
)  # fmt: skip
def test_a_given_cache_is_found_under_either_name(arguments, cache):
    found = given_cache(arguments)
    assert torch.equal(found, cache) if isinstance(cache, torch.Tensor) else found == cache
