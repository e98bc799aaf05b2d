"""``hydra/launcher=packed``: which jobs share a pack, and a whole sweep from the command line."""

import json
import subprocess
import sys

import pytest
from omegaconf import DictConfig, OmegaConf

from src.packed.launch import PackTask, launch_packed, plan, why_alone
from src.packed.limits import Limits
from src.sweep.sweep_job import Outcome
from src.utils.errors import UserError
from src.utils.paths import ROOT
from tests.conftest import NANO, compose_config


def jobs(*each: str) -> list[DictConfig]:
    return [compose_config(*NANO, *overrides.split()) for overrides in each]


def test_what_shares_a_pack():
    """Backbone, data, batch sizes and epochs are shared; methods, rates, ranks and seeds are free."""
    groups = plan(jobs(
        "model=roberta_lora seed=1",
        "model=roberta_lsr training.learning_rate=1e-3",
        "model=roberta_hydralora training.warmup_steps=0",
        "model=roberta_lora training.num_train_epochs=3",
        "model=roberta_lora training.per_device_train_batch_size=32",
        "model=roberta_lora data=synth_acceptability",
        "model=roberta_lsr data=synth_acceptability",
        "model=roberta_full",
    ))  # fmt: skip
    assert groups == [[0, 1, 2], [5, 6]]  # one alone is no pack


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ("model=roberta_full", "trains parameters of the backbone itself"),
        ("model=roberta_bitfit", "trains parameters of the backbone itself"),
        ("model=roberta_peft_lora", "peft library"),
        ("model=roberta_lora data=mix data.tasks=[synth_paraphrase,synth_acceptability]", "a head for each task"),
        ("model=roberta_lora training.torch_compile=true", "training.torch_compile=True"),
        ("model=roberta_lora training.label_smoothing_factor=0.1", "training.label_smoothing_factor=0.1"),
        ("model=roberta_lora", None),
        ("model=roberta_head", None),
    ],
)
def test_what_cannot_be_packed(overrides, reason):
    found = why_alone(OmegaConf.to_container(jobs(overrides)[0], resolve=True))
    assert (found is None) if reason is None else (reason in found)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_jobs": 0}, "max_jobs=0"), ({"memory_share": 0.0}, "memory_share=0.0"), ({"memory_share": 2}, "<= 1")],
)
def test_limits(options, message):
    with pytest.raises(UserError, match=message):
        Limits(**options)


def test_a_pack_whose_process_dies():
    """Its jobs run one by one."""
    seen = []

    class Fake:
        size = 1

        def run(self, tasks, fail_fast):
            seen.append(len(tasks))
            return [Outcome("failed", "killed") if isinstance(task, PackTask) else Outcome("ok") for task in tasks]

    outcomes = launch_packed(jobs("seed=0", "seed=1", "model=roberta_full"), Limits(), Fake(), fail_fast=False)
    assert [outcome.status for outcome in outcomes] == ["ok"] * 3
    assert seen == [1, 3]


def test_a_sweep_from_the_command_line(tmp_path):
    """Two packed jobs and one that runs alone: folders, logs, records and the exit status."""
    command = [
        sys.executable, "main.py", "--multirun", "hydra/launcher=packed", *NANO, "data.max_train_samples=40",
        "model=roberta_lora,roberta_lsr,roberta_full", "training.num_train_epochs=1", f"sweep.dir={tmp_path}",
        "model.head.train=true",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "1 jobs run one by one: model=roberta_full trains parameters of the backbone itself" in done.stdout
    assert "3 jobs: 3 ok" in done.stdout
    records = {
        record["method"]: record for record in map(json.loads, (p.read_text() for p in tmp_path.glob("*/result.json")))
    }
    assert records["full"]["packed"] is None
    assert records["lora"]["packed"]["jobs"] == records["lsr"]["packed"]["jobs"] == 2
    for folder in (path.parent for path in tmp_path.glob("*/result.json")):
        log = (folder / "main.log").read_text()
        assert "epoch 1, validation" in log
        assert log.count("share") == 1  # of this job alone
        assert (folder / ".hydra" / "config.yaml").exists()
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert "3 of 3 jobs are done already" in again.stdout
