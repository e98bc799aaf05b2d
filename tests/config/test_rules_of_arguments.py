"""Rules of arguments from the source of their annotations, against what Python itself makes of these."""

import dataclasses
import importlib
import typing

import pytest

from src.config.annotations import assigned_name, constructor, constructor_rules, field_rules, rule_of
from src.config.choices import choices
from src.config.key_rules import RULES
from src.config.known_names import records
from src.config.method_rules import adapter_rules, own_rules
from src.config.rules import check_rule
from src.data.task import Task
from src.utils.paths import ROOT

SOURCE = '''
from typing import Annotated, Literal
from src.models.hyperparameters import Rank as R

Mode = Literal["a", "b"]


class Base:
    def __init__(self, x, *, r: R, mode: Mode = "a", plain: int = 0, share: Annotated[float, "0 <= float < 1"]): ...


class Same(Base):
    """No constructor of its own."""


METHOD = Same
'''


def test_annotations_are_read_through_names_imports_and_bases(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(SOURCE)
    assert assigned_name(file, "METHOD") == "Same" and assigned_name(file, "OTHER") is None
    assert constructor_rules(file, "Same") == {"r": "int >= 1", "mode": "a | b", "share": "0 <= float < 1"}
    assert [argument.name for argument in constructor(file, "Same") if argument.required] == ["r", "share"]
    assert rule_of(file, "Mode") == "a | b" and rule_of(file, "Base") is None
    with pytest.raises(LookupError, match="holds no class Absent"):
        constructor(file, "Absent")


def by_import(method: str) -> dict[str, str]:
    """The same rules from the imported class, as typing resolves its annotations."""
    module = importlib.import_module(f"src.models.{method}")
    cls = getattr(module.METHOD, "layer", module.METHOD)
    found = {"target_modules": "str | list[str]"}
    for name, hint in typing.get_type_hints(cls.__init__, include_extras=True).items():
        if typing.get_origin(hint) is typing.Annotated:
            found[name] = hint.__metadata__[0]
        elif typing.get_origin(hint) is typing.Literal:
            found[name] = " | ".join(typing.get_args(hint))
    return found


OWN = sorted({record["method"] for record in records("model").values() if record.get("adapter")} & {
    path.stem for path in (ROOT / "src" / "models").glob("*.py")})  # fmt: skip


@pytest.mark.parametrize("method", OWN)
def test_a_methods_rules_are_its_annotations(method):
    assert own_rules(method) == by_import(method) == adapter_rules(method)


@pytest.mark.parametrize("model", choices("model"))
def test_a_yaml_holds_values_that_keep_the_rules_and_none_itself(model):
    record = records("model")[model]
    if record["method"] not in OWN:
        return
    assert "rules" not in record
    node = record[record["method"]]
    rules = own_rules(record["method"])
    assert set(node) <= set(rules)
    wrong = {key: value for key, value in node.items() if "${" not in str(value) and not check_rule(value, rules[key])}
    assert not wrong


def test_a_tasks_keys_are_those_of_its_record():
    """Each of the dataclass's fields has a rule of its type's form, and one that is not typed so is not left out."""
    forms = {str: "str", str | None: "str | null", tuple[str, ...]: "list[str]"}
    hints = {field.name: forms[typing.get_type_hints(Task)[field.name]] for field in dataclasses.fields(Task)}
    assert field_rules(ROOT / "src" / "data" / "task.py", "Task") == hints
    assert hints.keys() <= RULES["data"].keys()
    changed = {key for key, rule in hints.items() if RULES["data"][key] != rule}
    assert changed == {"label_names", "kind"}, "said beside the derived ones, with the reason"
