"""What an older run's folder says of its data is read under the names of today."""

import pytest
from omegaconf import OmegaConf

from src.data.saved import FILE, RENAMED, read_data
from tests.conftest import compose_config


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_of_a_key_is_read(old, new, tmp_path):
    data = OmegaConf.to_container(compose_config("data=mrpc", "data.source=tsv", "data.dir=x").data)
    assert new in data["sources"]["tsv"]
    (tmp_path / FILE).parent.mkdir()
    today = OmegaConf.to_yaml(OmegaConf.create({"data": data}))
    found = []
    for text in (today, today.replace(f"{new}:", f"{old}:")):
        (tmp_path / FILE).write_text(text)
        found.append(OmegaConf.to_container(read_data(tmp_path).data))
    assert found[0] == found[1] and new in found[1]["sources"]["tsv"]
