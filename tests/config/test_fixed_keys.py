"""A key of a task either reaches its source or is refused: none is recorded and ignored."""

import functools
from copy import deepcopy

import pytest
from omegaconf import DictConfig, OmegaConf

from src.config import validate
from src.config.choices import choices
from src.config.task_records import FIXED_KEYS, FOLDER
from src.metrics import metric_names
from src.tasks import TaskKind, label_space
from src.tasks.kinds import stated_kind
from src.utils.errors import UserError
from tests.conftest import compose_config

FILES = [name for name in choices("data") if name not in ("mix", "custom")]
CASES = [
    (name, source, key)
    for name in FILES
    for source in OmegaConf.to_container(OmegaConf.load(FOLDER / f"{name}.yaml"))["sources"]
    for key in FIXED_KEYS
]


@functools.cache
def composed(name: str, source: str) -> DictConfig:
    cfg = compose_config(f"data={name}", f"data.source={source}", "data.dir=.")
    validate(cfg)
    return cfg


@pytest.mark.parametrize(("name", "source", "key"), CASES)
def test_another_value_reaches_the_source_or_is_refused(name, source, key):
    cfg = deepcopy(composed(name, source))
    kind = stated_kind(OmegaConf.to_container(cfg.data, resolve=True)) or TaskKind
    space = label_space(("no", "nope"), cfg.data.get("kind"))
    fitting = metric_names(space.kind.reads(space.names))[0]
    if key == "label_names":
        cfg.data.metrics, cfg.data.primary_metric = [fitting], fitting
    cfg.data[key] = {"text": ["nope", "never"][: kind.text_columns[0]], "label": "nope", "label_names": ["no", "nope"]}[
        key
    ]
    node = OmegaConf.to_container(cfg.data.sources[source], resolve=True)
    by_position = key == "label_names" and "label_encoding" in node
    if key == "label_names" and not space.kind.has_classes:
        with pytest.raises(UserError, match=r"data\.label_names=.*(has none, \[\]|has a fixed)"):
            validate(cfg)
    elif node.get(key) == OmegaConf.to_container(cfg.data)[key] and not by_position:
        validate(cfg)
    else:
        with pytest.raises(UserError, match=rf"data\.{key}=.*: data={name} from source {source} has a fixed {key}"):
            validate(cfg)


@pytest.mark.parametrize("data", ["sst2", "reviews_polarity", "synth_paraphrase"])
def test_classes_that_go_by_position_cannot_change_places(data):
    options = [f"data={data}", "data.dir=.", *(["data.source=tsv"] if data == "sst2" else [])]
    names = compose_config(*options).data.label_names
    with pytest.raises(UserError, match="has a fixed label_names"):
        validate(compose_config(*options, f"data.label_names=[{names[1]},{names[0]}]"))


@pytest.mark.parametrize("source", ["own", "tsv"])
@pytest.mark.parametrize("override", ["text=[x]", "label=x", "metrics=[accuracy]", "evaluation_splits=[test]"])
def test_a_mix_decides_nothing_that_its_tasks_do(source, override):
    options = ["data=mix", "data.tasks=[mrpc,rte]", f"data.source={source}", "data.dir=."]
    validate(compose_config(*options))
    with pytest.raises(UserError, match=rf"data\.{override.partition('=')[0]}=.*has a fixed"):
        validate(compose_config(*options, f"data.{override}"))


def test_both_outcomes_occur():
    assert {("synth_paraphrase", "synthetic", "text"), ("mrpc", "hub", "label")} <= set(CASES)
