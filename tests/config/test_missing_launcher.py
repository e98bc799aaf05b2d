"""A launcher whose package is not installed says what to install."""

import re

import pytest
import yaml
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from src.config.launchers import missing_launcher
from src.utils.paths import CONF, ROOT

TARGETS = {
    path.stem: yaml.safe_load(path.read_text())["_target_"] for path in sorted(CONF.glob("hydra/launcher/*.yaml"))
}
FOREIGN = {name: target for name, target in TARGETS.items() if not target.startswith("hydra_plugins.peft_verdict")}


@pytest.mark.parametrize("target", FOREIGN.values(), ids=FOREIGN)
def test_the_package_is_one_that_the_named_file_installs(target):
    """By Hydra's own words for a class that is not there."""
    absent = re.sub(r"\.(\w+)$", r".Absent\1", target)
    with pytest.raises(RuntimeError) as refused:
        Plugins.instance()._instantiate(OmegaConf.create({"_target_": absent}))
    said = missing_launcher(str(refused.value))
    assert said is not None and "pip install -r requirements-sweep.txt" in said
    package = said.partition("the package ")[2].partition(":")[0]
    assert re.search(rf"^{package}\b", (ROOT / "requirements-sweep.txt").read_text(), re.MULTILINE)


def test_another_message_is_left_as_it_is():
    assert len(FOREIGN) >= 4
    assert missing_launcher("Unknown plugin class : 'mine.Launcher'") is None
    assert missing_launcher("Some other error") is None
