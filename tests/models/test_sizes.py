"""Sizes kept between processes: those of the model itself, worked out again where anything they follow from changed."""

import pytest
from omegaconf import OmegaConf

from src.config.choices import choices
from src.models import meta_model, sizes
from src.runs import identity
from src.utils.errors import UserError
from tests.conftest import compose_config

OWN = [name for name in choices("model") if "_peft_" not in name]


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """An empty cache, and what was worked out."""
    monkeypatch.setenv("PEFT_VERDICT_CACHE", str(tmp_path))
    sizes._kept.cache_clear()
    found, work_out = [], sizes._worked_out
    monkeypatch.setattr(sizes, "_worked_out", lambda *node: found.append(node[0]) or work_out(*node))
    yield found
    sizes._kept.cache_clear()


def nodes(*overrides: str) -> tuple[dict, dict]:
    cfg = compose_config("experiment=demo", *overrides)
    plain = OmegaConf.to_container(cfg, resolve=True)
    return plain["model"], plain["backbone"]


@pytest.mark.parametrize("model", OWN)
def test_a_kept_size_is_the_models(model, asked):
    model_cfg, backbone = nodes(f"model={model}")
    right = meta_model.adapter_size(model_cfg, meta_model.load_meta_model(backbone))
    for _ in range(2):
        sizes._kept.cache_clear()  # another process
        assert sizes.adapter_size(model_cfg, backbone) == right
    assert len(asked) == 1


CHANGES = {
    "the method's values": lambda node, _: node[0]["adapter"].update(r=5),
    "the code": lambda _, patch: patch.setattr(identity, "code_version", lambda: "another"),
    "the backbone's files": lambda _, patch: patch.setattr(sizes, "backbone_version", lambda cfg: "another"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_size_follows_from_has_another(change, asked, monkeypatch):
    node = nodes("model=roberta_lora")
    sizes.adapter_size(*node)
    change(node, monkeypatch)
    sizes._kept.cache_clear()
    sizes.adapter_size(*node)
    assert len(asked) == 2


def test_what_it_does_not_follow_from_changes_nothing(asked):
    model_cfg, backbone = nodes("model=roberta_lora")
    sizes.adapter_size(model_cfg, backbone)
    sizes.adapter_size(model_cfg | {"search": {}, "budget": None, "head": {"train": False}}, backbone)
    assert len(asked) == 1


def test_a_damaged_note_and_a_module_of_the_users_own_are_worked_out(asked, tmp_path, monkeypatch):
    model_cfg, backbone = nodes("model=roberta_lora")
    right = sizes.adapter_size(model_cfg, backbone)
    (note,) = (tmp_path / "sizes").iterdir()
    note.write_text("damaged")
    sizes._kept.cache_clear()
    assert sizes.adapter_size(model_cfg, backbone) == right and note.read_text() == str(right)
    model_cfg["adapter"]["_target_"] = "mine.Adapter"
    sizes._kept.cache_clear()
    with pytest.raises((UserError, ImportError)):
        sizes.adapter_size(model_cfg, backbone)
    assert len(list((tmp_path / "sizes").iterdir())) == 1
