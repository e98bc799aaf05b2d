"""A key of a task either reaches its source or is refused: none is recorded and ignored."""

import pytest
from omegaconf import OmegaConf

from src.config import validate
from src.data.records import FIXED_KEYS, FOLDER
from src.errors import UserError
from tests.conftest import compose_config

FILES = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in ("mix", "custom"))
CASES = [
    (name, source, key)
    for name in FILES
    for source in OmegaConf.to_container(OmegaConf.load(FOLDER / f"{name}.yaml"))["sources"]
    for key in FIXED_KEYS
]
OTHER = {"text": "[nope]", "label": "nope", "label_names": "[no,nope]"}


@pytest.mark.parametrize(("name", "source", "key"), CASES)
def test_another_value_reaches_the_source_or_is_refused(name, source, key):
    options = [f"data={name}", f"data.source={source}", "data.dir=."]
    validate(compose_config(*options))
    metric = ["data.metrics=[accuracy]", "data.primary_metric=accuracy"] if key == "label_names" else []
    cfg = compose_config(*options, *metric, f"data.{key}={OTHER[key]}")
    node = OmegaConf.to_container(cfg.data.sources[source], resolve=True)
    if node.get(key) == OmegaConf.to_container(cfg.data)[key]:
        validate(cfg)
    else:
        with pytest.raises(UserError, match=rf"data\.{key}=.*: data={name} from source {source} has a fixed {key}"):
            validate(cfg)


def test_both_outcomes_occur():
    assert {("synth_paraphrase", "synthetic", "text"), ("mrpc", "hub", "label")} <= set(CASES)
