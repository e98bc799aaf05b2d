"""``target_modules: auto``: every architecture of the installed transformers has a row in the table, or a reason."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from src.backbones.attention_targets import NOTES, TARGETS, WITHOUT, attention_targets, grouped, guess_targets
from src.config.known_names import records
from src.models.auto_targets import with_targets
from src.models.classifier import build_classifier
from src.models.inject import match_targets
from src.utils.errors import UserError
from src.utils.paths import ROOT
from tests.backbones import zoo

# What they call no nn.Linear, so that none of this project's own methods adapts it.
NOT_LINEAR = {"falcon": "FalconLinear", "gpt2": "Conv1D", "gpt-sw3": "Conv1D", "openai-gpt": "Conv1D",
              "ibert": "QuantLinear", "squeezebert": "Conv1d"}  # fmt: skip
# How many Linears of each of two layers a row means, where it is not one for queries and one for values.
FUSED = {
    "bloom",
    "deberta",
    "gpt_bigcode",
    "gpt_neox",
    "jetmoe",
    "modernbert",
    "modernvbert",
    "mpt",
    "persimmon",
    "phi3",
}
HYBRID = {"albert": 2, "jamba": 2, "minimax": 3, "qwen3_5": 3, "qwen3_5_text": 3, "qwen3_next": 3}
CROSS = {"bart", "mbart", "mvp", "plbart", "t5", "mt5", "umt5", "t5gemma"}  # a decoder with two attentions beside it
EXPECTED = (
    dict.fromkeys(TARGETS, 4)
    | dict.fromkeys(FUSED, 2)
    | HYBRID
    | dict.fromkeys(CROSS, 12)
    | {"bigbird_pegasus": 12, "canine": 6, "longformer": 8, "perceiver": 8, "t5gemma2": 8}
)
# Methods whose targets are no projections of queries and values.
OWN = {
    "roberta_peft_beft": "values",
    "roberta_peft_ia3": "keys, values and a feed-forward layer",
    "roberta_peft_ln_tuning": "norms",
}


def shapes(name: str) -> Any:
    config = AutoConfig.for_model(name, **zoo.small(AutoConfig.for_model(name), zoo.OWN.get(name, {})))
    with torch.device("meta"):
        return AutoModelForSequenceClassification.from_config(config)


def test_every_architecture_of_the_library_has_a_row_or_a_reason():
    assert {*zoo.ARCHITECTURES} - TARGETS.keys() - WITHOUT.keys() == set(), "a new architecture: give it a row"
    assert (TARGETS.keys() | WITHOUT.keys() | NOTES.keys()) - {*zoo.ARCHITECTURES} == set(), "one that is gone"
    assert not TARGETS.keys() & WITHOUT.keys()


@pytest.mark.parametrize("name", sorted({*zoo.ARCHITECTURES} - zoo.UNBUILT.keys()))
def test_what_auto_means(name):
    model = shapes(name)
    if name in WITHOUT:
        with pytest.raises(UserError, match=f"{name} has no query and value projections .*modules that could be named"):
            attention_targets(name, model.base_model)
        return
    targets = attention_targets(model.config.model_type, model.base_model)
    if name in NOT_LINEAR:
        with pytest.raises(UserError, match=f"are {NOT_LINEAR[name]} here, which is no nn.Linear"):
            match_targets(model.base_model, targets)
        return
    found = match_targets(model.base_model, targets)
    assert len(found) == EXPECTED[name], found
    assert not [one for one in found if "vision" in one or "visual" in one], "a text reaches none of these"


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta", "camembert", "electra"])
def test_bert_and_its_kin_are_adapted_where_they_were(name):
    model = shapes(name)
    assert attention_targets(name, model.base_model) == ["query", "value"]


def test_a_saved_adapter_names_the_modules():
    node = {"name": "nano", "path": str(ROOT / "assets" / "nano")}
    lora = {"r": 2, "alpha": 2, "target_modules": "auto"}
    built = build_classifier({"name": "x", "method": "lora", "adapter": lora}, node, label_names=("a", "b"), seed=0)
    assert built.description["model"]["adapter"]["target_modules"] == ["query", "value"]
    assert len(built.adapted) == 5 * 2


class Unknown(nn.Module):
    """An encoder that no table knows."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 4)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({name: nn.Linear(4, 4) for name in ("to_q", "wq", "v_map", "out")}) for _ in range(3)
        )


def test_an_unknown_architecture_is_told_what_there_is_with_a_guess():
    message = (
        r"the architecture new-thing is not known here; a guess: target_modules=\[wq,v_map\]; modules that could be "
        r"named: blocks.N.to_q \(3\), blocks.N.wq \(3\), blocks.N.v_map \(3\), blocks.N.out \(3\); or all-linear"
    )
    with pytest.raises(UserError, match=message):
        attention_targets("new-thing", Unknown())
    assert guess_targets(["a.dense", "b.output"]) == []


@pytest.mark.parametrize("name", [*TARGETS])
def test_a_guess_is_not_far_from_the_table(name):
    """Had the architecture no row, the guess would have a name in common with it."""
    if name in zoo.UNBUILT:
        pytest.skip(zoo.UNBUILT[name])
    ends = {target.rpartition(".")[2] for row in TARGETS[name] for target in row.split("|")}
    names = [name for name, _ in shapes(name).base_model.named_modules()]
    assert ends & {*guess_targets(names)}


def test_a_row_that_a_model_has_not_is_told():
    with pytest.raises(UserError, match="this modernbert has no Wqkv"):
        attention_targets("modernbert", Unknown())


def test_numbers_of_layers_are_one_group():
    names = [f"layer.{i}.attn.q" for i in range(12)] + ["0.weight", "10.weight", "lin1"]
    assert grouped(names) == "layer.N.attn.q (12), N.weight (2), lin1 (1)"


@pytest.mark.parametrize("name", records("model"))
def test_a_method_that_names_modules_names_none_of_one_family(name):
    nodes = [node for key, node in records("model")[name].items() if key != "rules" and isinstance(node, dict)]
    found = {str(node["target_modules"]) for node in nodes if "target_modules" in node}
    assert found <= {"auto"} or name in OWN


def test_names_that_are_written_are_left_alone():
    node = {"adapter": {"target_modules": ["key"]}}
    assert with_targets(node, None) is node
