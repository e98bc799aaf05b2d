"""What of the installed peft library is a competitor here, and what is not and why."""

import re
import typing

import pytest

from src.config.known_names import records
from src.config.peft_fields import config_of
from src.utils.paths import ROOT

peft = pytest.importorskip("peft", reason="the peft library is not installed: pip install -r requirements-peft.txt")

from src.models.peft.left_out import METHODS, STARTS  # noqa: E402
from src.models.peft.library import config_class  # noqa: E402

OURS = {name: record for name, record in records("model").items() if re.fullmatch(r"peft\.\w+", str(record["method"]))}
PAGE = (ROOT / "docs" / "peft_methods.md").read_text(encoding="utf-8")


def test_every_method_of_the_library_has_a_config_or_a_reason():
    configs = {config_class(config_of(record["method"])) for record in OURS.values()}
    with_config = {kind.value for kind, cls in peft.PEFT_TYPE_TO_CONFIG_MAPPING.items() if cls in configs}
    assert {kind.value for kind in peft.PeftType} == with_config | set(METHODS)
    assert not with_config & set(METHODS), "which has a config now and needs no reason"


def test_every_start_of_its_lora_has_a_config_or_a_reason():
    hint = typing.get_type_hints(peft.LoraConfig)["init_lora_weights"]
    words = {word for part in typing.get_args(hint) for word in typing.get_args(part) if isinstance(word, str)}
    used = {record["peft"].get("init_lora_weights") for record in OURS.values()} - {None}
    words = {re.sub(r"_niter.*", "", word) for word in words} | {"lora_ga"}  # which it takes and does not list
    assert words == used | set(STARTS)
    assert not used & set(STARTS)


@pytest.mark.parametrize(("name", "reason"), [*METHODS.items(), *STARTS.items()])
def test_the_page_says_the_reason(name, reason):
    assert f"| `{name}` | {reason} |" in PAGE


@pytest.mark.parametrize("name", OURS)
def test_the_page_names_every_config(name):
    short = name.removeprefix("roberta_peft")
    assert f"`{name}`" in PAGE or f"`{short}`" in PAGE
