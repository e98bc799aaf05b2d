"""``init_from``: a run that starts where another ended."""

import json

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file

from src.models.classifier import build_classifier
from src.models.warm_start import warm_start
from src.runs.checked import check_job
from src.runs.identity import config_hash
from src.utils.errors import UserError
from tests.conftest import NANO, compose_config

FIRST = ["model=roberta_lora", "data.max_train_samples=64", "training.max_steps=3"]
STILL = ["training.learning_rate=1e-12", "training.selection=last"]


def result(folder) -> dict:
    return json.loads((folder / "result.json").read_text())


def adapter(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter" / "adapter.safetensors")


def built(*overrides: str):
    cfg = OmegaConf.to_container(compose_config(*NANO, *overrides), resolve=True)
    names = tuple(cfg["data"]["label_names"])
    return build_classifier(cfg["model"], cfg["backbone"], label_names=names, seed=cfg["seed"])


def test_another_task_takes_the_adapter_and_not_the_head(train):
    first = train(*FIRST)
    second = train(*FIRST, *STILL, "data=synth_entailment", "seed=1", f"init_from={first}")
    was, now = adapter(first), adapter(second)
    layers = {name for name in was if name.endswith((".A", ".B"))}
    assert len(layers) == 20 and all(torch.allclose(was[name], now[name], atol=1e-6) for name in layers)
    assert any(was[name].any() for name in layers if name.endswith(".B"))
    record = result(second)["init_from"]
    assert record["run"] == str(first) and record["model"] == "roberta_lora" and record["seed"] == 0
    assert set(record["copied"]) == layers and set(record["left_out"]) == {n for n in was if n not in layers}
    fresh = built(*FIRST, "data=synth_entailment", "seed=1").state()
    assert all(torch.allclose(now[name], fresh[name], atol=1e-6) for name in record["left_out"])
    assert not result(second)["identity_at_start"] and "init_from" not in result(first)


def test_the_same_classes_take_the_head_too(train):
    first = train(*FIRST)
    classifier = built(*FIRST, "seed=1")
    done = warm_start(classifier, str(first))
    was = adapter(first)
    assert done["left_out"] == [] and set(done["copied"]) == set(was)
    assert all(torch.equal(tensor, was[name]) for name, tensor in classifier.state().items())


def test_what_does_not_fit_is_refused(train):
    first = str(train(*FIRST))
    for other in ("model=roberta_hydralora", "model.lora.r=4", "model.lora.target_modules=[key]", "model=roberta_full"):
        with pytest.raises(UserError, match=r"does not fit .* the saved tensors do not fit"):
            warm_start(built(*FIRST, other), first)
    classifier = built(*FIRST)
    classifier.description["backbone_fingerprint"] = "0" * 16
    with pytest.raises(UserError, match="its adapters belong to the weights"):
        warm_start(classifier, first)


def test_a_run_that_is_none_is_told_before_anything_is_loaded(tmp_path):
    with pytest.raises(UserError, match=r"init_from=.* is not a run folder: .*result.json cannot be read"):
        check_job(compose_config(*NANO, f"init_from={tmp_path}"))
    (tmp_path / "result.json").write_text('{"status": "failed"}')
    with pytest.raises(UserError, match="that run's status is 'failed'"):
        check_job(compose_config(*NANO, f"init_from={tmp_path}"))
    with pytest.raises(UserError, match="init_from=3 breaks the rule: str"):
        check_job(compose_config(*NANO, "init_from=3"))


def test_a_start_is_part_of_a_runs_identity_and_no_start_is_not():
    config = OmegaConf.to_container(compose_config(*NANO), resolve=True)
    without = {key: value for key, value in config.items() if key != "init_from"}
    assert config_hash(config) == config_hash(without) != config_hash(config | {"init_from": "x"})


@pytest.mark.slow
def test_a_penalty_is_logged_apart_from_the_task_loss(train):
    options = ["model=roberta_svd_lorafa", "data.max_train_samples=64", "training.max_steps=4", "seed=0"]
    lines = {
        penalty: [
            line
            for line in map(json.loads, (train(*options, f"model.lorafa.penalty={penalty}") / "history.jsonl").open())
            if line["event"] == "train"
        ]
        for penalty in (0.0, 3.0)
    }
    assert len(lines[0.0]) == len(lines[3.0]) == 2
    for plain, penalised in zip(lines[0.0], lines[3.0], strict=True):
        assert "auxiliary_loss" not in plain and penalised["auxiliary_loss"] >= 0
        assert penalised["task_loss"] == pytest.approx(penalised["loss"] - penalised["auxiliary_loss"])
        assert penalised["task_loss"] == pytest.approx(plain["loss"], abs=0.05), "the same task from the same start"
    assert lines[3.0][-1]["auxiliary_loss"] > 0, "once B has left its start"
