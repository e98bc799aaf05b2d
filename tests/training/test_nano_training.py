"""The embedded task tells methods apart: what the demo is for, in short."""

import json
from pathlib import Path

import pytest

from src.training.run import run_job
from tests.conftest import compose_config


def score(folder: Path, model: str) -> float:
    overrides = ["experiment=demo", f"model={model}", "training.num_train_epochs=1", "training.disable_tqdm=true"]
    run_job(compose_config(*overrides), folder)
    return json.loads((folder / "result.json").read_text())["primary_metric"]["value"]


@pytest.mark.slow
def test_lora_is_far_above_the_head_alone_after_one_epoch(tmp_path):
    """The README's table has three seeds and three epochs; this is one of each, with room to spare."""
    lora, head = score(tmp_path / "lora", "roberta_lora"), score(tmp_path / "head", "roberta_head")
    assert head <= 0.75 and lora >= head + 0.10
