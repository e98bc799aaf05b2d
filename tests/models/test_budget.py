"""Equal budgets: the largest adapter that keeps them."""

import json

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from src.cli import CONF
from src.models.meta_model import adapter_size, load_meta_model
from src.training.run import resolve, run_job
from src.utils.errors import UserError
from tests.config.test_config import own_methods
from tests.conftest import NANO, compose_config

METHODS = own_methods()


def size(cfg) -> int:
    model, backbone = (OmegaConf.to_container(node, resolve=True) for node in (cfg.model, cfg.backbone))
    return adapter_size(model, load_meta_model(backbone))


def knob_of(cfg) -> int:
    return OmegaConf.select(cfg.model, cfg.model.budget.key)


@pytest.mark.parametrize("model", METHODS)
def test_the_size_without_weights_is_that_of_the_built_model(model):
    from src.models.classifier import build_classifier

    cfg = compose_config("experiment=demo", f"model={model}")
    plain = OmegaConf.to_container(cfg, resolve=True)
    counts = build_classifier(plain["model"], plain["backbone"], label_names=("a", "b"), seed=0).counts
    assert adapter_size(plain["model"], load_meta_model(plain["backbone"])) == counts["adapter"] + counts["router"]


@pytest.mark.parametrize("model", METHODS)
def test_no_larger_value_of_the_knob_keeps_the_budget(model):
    limit = 24576
    cfg = compose_config("experiment=demo", f"model={model}", f"budget.adapter_params={limit}")
    if not cfg.model.budget:  # one size
        if size(cfg) <= limit:
            assert resolve(cfg).budget.size == size(cfg)
        else:
            with pytest.raises(UserError, match=rf"nearest possible is {size(cfg):,}"):
                resolve(cfg)
        return
    ratio = [OmegaConf.select(cfg.model, key) / knob_of(cfg) for key in cfg.model.budget.get("with", [])]
    cfg = resolve(cfg)
    assert cfg.budget.value == knob_of(cfg) and cfg.budget.size == size(cfg) <= limit
    # alpha / r, the scaling, is as it was.
    assert [OmegaConf.select(cfg.model, key) / knob_of(cfg) for key in cfg.model.budget.get("with", [])] == ratio
    to = cfg.model.budget.to
    larger = to[to.index(cfg.budget.value) + 1] if OmegaConf.is_list(to) else cfg.budget.value + 1
    OmegaConf.update(cfg, cfg.budget.key, larger)
    assert size(cfg) > limit


def test_an_impossible_budget_names_the_nearest_possible():
    # r = 1 on ten adapted 128 x 128 Linears.
    with pytest.raises(UserError, match=r"nearest possible is 2,560, with model\.lora\.r=1"):
        resolve(compose_config("experiment=demo", "budget.adapter_params=2559"))
    assert resolve(compose_config("experiment=demo", "budget.adapter_params=2560")).model.lora.r == 1


def test_match_takes_another_methods_size():
    cfg = resolve(compose_config("experiment=demo", "model=roberta_lorafa", "budget.match=roberta_lora"))
    assert cfg.budget.adapter_params == cfg.budget.size == 8 * 256 * 10 and cfg.model.lorafa.r == 16
    with pytest.raises(UserError, match="choices: roberta_bitfit"):
        resolve(compose_config("experiment=demo", "budget.match=lora"))
    with pytest.raises(UserError, match="two budgets"):
        resolve(compose_config("experiment=demo", "budget.match=roberta_lora", "budget.adapter_params=5"))


def test_match_works_where_hydra_stands_already():
    """As it does in a sweep; the running Hydra is left as it was."""
    cfg = compose_config("experiment=demo", "model=roberta_lorafa", "budget.match=roberta_lora")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        before = GlobalHydra.instance().hydra
        assert resolve(cfg).budget.size == 8 * 256 * 10
        assert before is not None and GlobalHydra.instance().hydra is before


def test_a_run_records_its_budget_and_has_the_identity_of_the_value(tmp_path):
    tiny = [*NANO, "training.max_steps=1", "data.max_train_samples=40", "data.max_eval_samples=16"]
    run_job(compose_config(*tiny, "budget.adapter_params=8000"), tmp_path / "budget")
    run_job(compose_config(*tiny, "model.lora.r=3", "model.lora.alpha=3"), tmp_path / "value")
    budget, value = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("budget", "value"))
    assert budget["budget"] | {"match": None} == {
        "adapter_params": 8000,
        "match": None,
        "size": 7680,
        "key": "model.lora.r",
        "value": 3,
    }
    assert budget["params"]["adapter"] == 7680 and value["budget"] is None
    assert budget["identity"] == value["identity"] and budget["metrics"] == value["metrics"]
