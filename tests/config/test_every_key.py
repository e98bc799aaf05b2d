"""Every key of every file in conf: a wrong value of it is one message, which names the key."""

import copy
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.config.choices import choices, written
from src.config.method_rules import method_node
from src.config.peft_fields import config_of, peft_defaults, peft_fields
from src.config.rules import check_rule
from src.config.validate import check_resolved, check_written, resolved
from src.utils.errors import UserError
from src.utils.keys import leaves
from src.utils.paths import CONF
from tests.conftest import compose_config

GROUPS = ("model", "backbone", "data", "training")
WRONG = (-7.5, [[[1]]], {"no": {"such": [1]}})  # no rule allows all of them, and of a text or number none

FREE = {
    "model.peft._target_": "the message calls it model.adapter._target_, which is the same node",
    "model.adapter": "stands for the method's node, whose keys have rules",
    "data.sources.own.records": "a resolver writes it, from records that have rules",
    "data.sources.hub": "of a mix: stands for own",
    "data.sources.tsv": "likewise",
}
ANY_NUMBER = ("data.sources.pypi.neutral", "data.sources.pypi.parts.")  # which their loader checks together


@pytest.fixture(scope="module")
def base():
    return compose_config()


def whole_config(base, group: str, name: str) -> dict[str, Any]:
    """What ``GROUP=NAME`` composes to, resolved; Hydra takes half a second for each."""
    cfg = copy.deepcopy(base)
    OmegaConf.set_struct(cfg, False)
    own = OmegaConf.load(CONF / "config.yaml").get(group, {})
    cfg[group] = OmegaConf.merge(own, OmegaConf.create(written(group, name)))
    return resolved(cfg)


def with_value(node: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy that has another value at a dotted path, and in the alias of the method's node."""
    key, _, rest = path.partition(".")
    new = node | {key: with_value(node[key], rest, value) if rest else value}
    return new | {"adapter": new[key]} if rest and node.get("adapter") == node[key] else new


def message(config: dict[str, Any]) -> str | None:
    try:
        check_written(config)
        check_resolved(config)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize("group", GROUPS)
def test_a_wrong_value_of_any_key_is_one_message(base, group):
    silent, tried = {}, set()
    for name in choices(group):
        config = whole_config(base, group, name)
        assert message(config) is None
        own = method_node(config["model"]) if group == "model" else None
        for path in (f"{group}.{path}" for path, _ in leaves(written(group, name))):
            kind = (name, path) if own and path.startswith(f"model.{own}.") else path  # each method's keys are its own
            if path in FREE or kind in tried:
                continue
            tried.add(kind)
            for wrong in WRONG:
                found = message(with_value(config, path, wrong)) or "accepted"
                if path not in found and not (isinstance(wrong, float) and path.startswith(ANY_NUMBER)):
                    silent[name, path, str(wrong)] = found
    assert len(tried) > 5 and not silent


def test_a_default_of_the_peft_library_keeps_the_rule_of_its_annotation():
    named = {str(written("model", name)["method"]) for name in choices("model")}
    methods = {name for name in named if name.startswith("peft.") and "${" not in name}
    assert len(methods) > 20
    for method in methods:
        rules, defaults = peft_fields(config_of(method)), peft_defaults(method)
        wrong = {key: value for key, value in defaults.items() if key in rules and not check_rule(value, rules[key])}
        assert not wrong, method
