"""What can be chosen: every file of a group but those that others share, and what a file says without Hydra."""

import pytest
from omegaconf import OmegaConf

from src.cli import composed
from src.config import choices as module
from src.config.choices import choices, described, is_choice, written
from src.utils.errors import UserError
from src.utils.keys import leaves
from src.utils.paths import CONF


def test_what_files_share_is_no_choice():
    shared = [path for path in CONF.glob("*/*.yaml") if not is_choice(path.stem)]
    assert [path.stem for path in shared] == ["_glue"]
    assert all(path.stem not in choices(path.parent.name) for path in shared)
    assert "_glue" not in described("data") and "cola" in described("data")


@pytest.mark.parametrize("name", choices("data"))
def test_a_file_is_read_as_hydra_composes_it(name):
    config = OmegaConf.to_container(composed([f"data={name}"]).data, resolve=False)
    own = dict(leaves(written("data", name)))
    assert own.items() <= dict(leaves(config)).items()


def test_defaults_name_files_beside_it(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "_base.yaml").write_text("a: {x: 1, y: [1, 2]}\nb: 1\n")
    (tmp_path / "data" / "below.yaml").write_text("defaults: [_base, _self_]\na: {y: [3]}\n")
    (tmp_path / "data" / "above.yaml").write_text("defaults: [_self_, _base]\nb: 2\n")
    (tmp_path / "data" / "strange.yaml").write_text("defaults: [/model/lora]\n")
    monkeypatch.setattr(module, "CONF", tmp_path)
    written.cache_clear()
    assert written("data", "below") == {"a": {"x": 1, "y": [3]}, "b": 1}
    assert written("data", "above")["b"] == 1, "what stands last wins"
    with pytest.raises(UserError, match="defaults: /model/lora breaks the rule: the name of a file beside it"):
        written("data", "strange")
    written.cache_clear()
