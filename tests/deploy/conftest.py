"""Run folders to deploy: a few steps of real training, and ones whose adapters were moved by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from src.models.classifier import build_classifier, save_classifier
from src.models.inject import adapters
from tests.conftest import NANO, compose_config
from tests.models.facts import perturb

SHORT = ["data.max_train_samples=64", "training.max_steps=4"]


@pytest.fixture(scope="session")
def trained(train) -> Callable[..., Path]:
    """A run of a few steps, with the config that Hydra would have left in it."""

    def trained(*overrides: str) -> Path:
        folder = train(*SHORT, *overrides)
        save_config(folder, *SHORT, *overrides)
        return folder

    return trained


def save_config(folder: Path, *overrides: str) -> None:
    (folder / ".hydra").mkdir(exist_ok=True)
    OmegaConf.save(compose_config(*NANO, *overrides), folder / ".hydra" / "config.yaml")


def moved_run(folder: Path, *overrides: str, std: float = 0.05, head: float = 0.0) -> Path:
    """A run folder of the given config whose adapters were moved at random instead of trained."""
    cfg = compose_config(*NANO, *overrides)
    config = OmegaConf.to_container(cfg, resolve=True)
    names = tuple(config["data"]["label_names"])
    classifier = build_classifier(config["model"], config["backbone"], label_names=names, seed=config["seed"])
    torch.manual_seed(config["seed"])
    with torch.no_grad():
        for _, adapter in adapters(classifier.model):
            perturb(adapter, std)
        for name in classifier.backbone.head:
            parameter = classifier.model.get_parameter(name)
            parameter += head * torch.randn_like(parameter)
    save_classifier(classifier, folder / "adapter")
    record = {"schema_version": 1, "status": "ok", "data": config["data"]["name"], "seed": config["seed"]}
    record |= {"method": config["model"]["name"].removeprefix("roberta_"), "training": {"precision": "fp32"}}
    record |= {"max_length": config["data"]["max_length"], "text": config["data"]["text"]}
    (folder / "result.json").write_text(json.dumps(record))
    save_config(folder, *overrides)
    return folder
