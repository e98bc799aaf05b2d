"""Search spaces, the warning at their edges, and the curve of the expected best."""

import math

import pytest
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution

from src.cli import CONF
from src.tune.space import as_overrides, edges, make_space
from src.utils.errors import UserError
from tests.conftest import compose_config

MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_declares_a_space_of_keys_that_exist(model):
    cfg = compose_config(f"model={model}")
    space = make_space(model, OmegaConf.to_container(cfg.model.search))
    rate = space["training.learning_rate"]
    assert math.log10(rate.high / rate.low) >= 2
    for key in space:
        node, _, name = key.rpartition(".")
        assert name in OmegaConf.select(cfg, node), key
    defaults = {key: OmegaConf.select(cfg, key) for key in space}
    values = {key: value for key, value in defaults.items() if value is not None}
    for key, value in values.items():
        distribution = space[key]
        inside = value in distribution.choices if isinstance(distribution, CategoricalDistribution) else (
            distribution.low <= value <= distribution.high
        )  # fmt: skip
        assert inside, f"{key}: the default {value} is not in the space"


@pytest.mark.parametrize(
    ("search", "text"),
    [
        ({}, "nothing to tune"),
        ({"a": {"key": "training.learning_rate", "low": 1e-3, "high": 1e-2}}, "2 decades"),
        ({"a": {"key": "b", "low": 0, "high": 1}}, "0 < low < high"),
        ({"a": {"key": "b", "low": 1}}, "expected {key, low, high}"),
        ({"a": {"low": 1, "high": 2}}, "expected {key, low, high}"),
        ({"a": {"key": "b", "choices": [3]}}, "expected {key, low, high}"),
    ],
)
def test_a_space_that_cannot_be_searched_fairly(search, text):
    with pytest.raises(UserError, match=text):
        make_space("roberta_x", search)


def test_overrides_are_short():
    assert as_overrides({"training.learning_rate": 0.00123456, "model.lora.r": 8}) == [
        "training.learning_rate=0.001235",
        "model.lora.r=8",
    ]


def test_the_edge():
    space = {"rate": FloatDistribution(1e-4, 1e-2, log=True), "r": CategoricalDistribution((4, 8, 16))}
    assert edges({"rate": 1e-3, "r": 8}, space) == []
    assert "rate=0.000105 lies on the edge of what was searched (0.0001 to 0.01)" in edges({"rate": 1.05e-4}, space)[0]
    assert "r=16" in edges({"r": 16}, space)[0] and "r=4" in edges({"r": 4}, space)[0]
